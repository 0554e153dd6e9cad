use domain::{
    Id,
    delivery::SpoolResult,
    flow::{After, Flow, Service, Step},
    outreach::ProgramKind,
};

use super::*;
use crate::{
    Spool,
    content::{Call as CallContent, Speech},
    contract_suite::{Starts, spool},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// A call that says something for three seconds, asks for keys, and hangs up.
fn call(number: &str) -> Spool {
    let speech = Speech {
        text: "x".repeat(45),
        language: None,
    };
    let content = Content::Voice(Box::new(CallContent {
        caller: None,
        actions: vec![CallAction::Originate, CallAction::Say(speech)],
    }));
    let say = Action::Tts {
        program_id: Id::new(1),
        version: 1,
    };
    let actions = [Action::Originate, say, Action::Input, Action::Disconnect];
    let steps = actions.into_iter().enumerate().map(|(at, action)| Step {
        action,
        after: at.checked_sub(1).map(After::success).into_iter().collect(),
    });
    Spool {
        flow: Flow {
            service: Service::Voice,
            steps: steps.collect(),
        },
        ..spool(1, number, content, HOUR)
    }
}

fn scene(spool: &Spool) -> Scene<'_> {
    Scene {
        flow: &spool.flow,
        content: Some(&spool.content),
        until: spool.until(),
    }
}

/// The report of a fax of two pages that comes in, the rows that were told before, and its
/// duration.
async fn faxed(caller: Caller, session: &Starts) -> (Report, Vec<String>, Duration) {
    let kind = ProgramKind::ReceiveFax {
        account_id: Id::new(1),
    };
    let flow = Flow::compile(Id::new(1), &kind, 1);
    let from = Instant::now();
    let scene = Scene {
        flow: &flow,
        content: None,
        until: from + HOUR,
    };
    let report = play(scene, caller.into(), session, Box::pin(async { true })).await;
    let told = session.results.lock().unwrap();
    let told = told.iter().map(short).collect();
    (report, told, from.elapsed())
}

fn two_pages() -> Caller {
    Caller {
        pages: 2,
        ..Caller::default()
    }
}

/// The report of a call to this number, the rows that were told before, and its duration.
async fn played(number: &str, session: &Starts) -> (Report, Vec<String>, Duration) {
    let from = Instant::now();
    let (spool, callee) = (call(number), OtherSide::at(number).unwrap());
    let arrives = Box::pin(async { true });
    let report = play(scene(&spool), callee, session, arrives).await;
    let told = session.results.lock().unwrap();
    let told = told.iter().map(short).collect();
    (report, told, from.elapsed())
}

fn short(row: &SpoolResult) -> String {
    format!("{} {}", row.name, row.data)
}

fn rest(report: &Report) -> Vec<String> {
    report.results.iter().map(short).collect()
}

fn connections(session: &Starts) -> usize {
    session
        .connections
        .load(std::sync::atomic::Ordering::SeqCst)
}

#[test]
fn other_numbers_take_no_time() {
    let hangs_up = OtherSide::at("+9990013").unwrap().hangs_up_after;
    assert_eq!(hangs_up, Some(SHORT));
    assert_eq!(OtherSide::at("15550100"), None);
    assert_eq!(OtherSide::at("9990004"), None);
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_as_long_as_its_steps() {
    let session = Starts::default();
    let (report, told, took) = played("9990011", &session).await;
    assert_eq!(report.outcome, Outcome::Delivered);
    assert!(report.connected);
    assert_eq!(connections(&session), 1);
    // No key is pressed, and no step follows on a time-out.
    assert_eq!(told, ["originate success", "tts success"]);
    assert_eq!(rest(&report), ["input timeout"]);
    assert_eq!(took.as_secs(), 9);
}

#[tokio::test(start_paused = true)]
async fn keys_are_pressed() {
    let (report, told, _) = played("9990012", &Starts::default()).await;
    assert_eq!(report.response, "NORMAL_CLEARING");
    assert_eq!(
        told,
        [
            "originate success",
            "tts success",
            "input success",
            "key 1234",
        ]
    );
    assert_eq!(rest(&report), ["disconnect success"]);
}

#[tokio::test(start_paused = true)]
async fn the_callee_hangs_up() {
    let (report, _, took) = played("9990013", &Starts::default()).await;
    assert_eq!(report.outcome, Outcome::Delivered);
    assert_eq!(rest(&report), ["tts hangup", "hangup remote"]);
    assert_eq!(took.as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_stays_lasts_until_it_is_hung_up() {
    let session = Starts::default();
    let cancel = session.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(HOUR / 2).await;
        cancel.cancel();
    });
    let (report, _, took) = played("9990014", &session).await;
    assert_eq!(report.outcome, Outcome::Rejected);
    assert_eq!(rest(&report), ["tts cancelled"]);
    assert_eq!(took.as_secs(), HOUR.as_secs() / 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline() {
    let (report, _, took) = played("9990014", &Starts::default()).await;
    assert_eq!(report.outcome, Outcome::Unknown);
    assert_eq!(rest(&report), ["tts deadline"]);
    assert_eq!(took.as_secs(), HOUR.as_secs() - 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_rings_is_cut_for_each_reason() {
    for (reason, outcome) in [
        (Cancelled::HungUp, Outcome::Rejected),
        (Cancelled::Stopping, Outcome::Unavailable),
        (Cancelled::TakenOver, Outcome::Unknown),
    ] {
        let session = Starts {
            reason: Some(reason),
            ..Starts::default()
        };
        session.cancel.cancel();
        let (report, told, took) = played("9990014", &session).await;
        assert_eq!((report.outcome, report.connected), (outcome, false));
        assert_eq!(rest(&report), ["originate cancelled"]);
        assert_eq!((told.len(), took.as_secs()), (0, 0));
        assert_eq!(connections(&session), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_outbox_does_not_take_fails() {
    let (spool, session) = (call("9990011"), Starts::default());
    let arrives = Box::pin(async { false });
    let report = play(scene(&spool), OtherSide::default(), &session, arrives).await;
    assert_eq!(report.outcome, Outcome::Unavailable);
    assert_eq!(connections(&session), 0);
}

#[tokio::test(start_paused = true)]
async fn a_fax_that_comes_in_takes_as_long_as_its_pages() {
    let session = Starts::default();
    let (report, told, took) = faxed(two_pages(), &session).await;
    assert_eq!(report.outcome, Outcome::Delivered);
    assert_eq!(connections(&session), 1);
    assert_eq!(
        told,
        [
            "inbound success",
            "connect success",
            "fax_receive success",
            "pages 2",
        ]
    );
    assert_eq!(rest(&report), ["disconnect success"]);
    assert_eq!(took.as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_caller_hangs_up_after_a_time() {
    let caller = Caller {
        hangs_up_after: Some(3),
        ..two_pages()
    };
    let (report, _, took) = faxed(caller, &Starts::default()).await;
    assert_eq!(rest(&report), ["fax_receive hangup", "hangup remote"]);
    assert_eq!(took.as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_in_ends_at_its_deadline() {
    let caller = Caller {
        pages: 10_000,
        ..Caller::default()
    };
    let (report, _, took) = faxed(caller, &Starts::default()).await;
    assert_eq!(report.outcome, Outcome::Unknown);
    assert_eq!(rest(&report), ["fax_receive deadline"]);
    assert_eq!(took, HOUR);
}
