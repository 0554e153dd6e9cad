use domain::{
    Id,
    delivery::SpoolResult,
    flow::{After, Flow, Service, Step},
};

use super::*;
use crate::{
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

/// The report of a call to this number, the rows that were told before, and its duration.
async fn played(number: &str, session: &Starts) -> (Report, Vec<String>, Duration) {
    let from = Instant::now();
    let (spool, callee) = (call(number), Callee::at(number).unwrap());
    let arrives = Box::pin(async { true });
    let report = play(&spool, callee, session, arrives).await;
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
    assert_eq!(Callee::at("+9990013"), Some(Callee::HangsUp));
    assert_eq!(Callee::at("15550100"), None);
    assert_eq!(Callee::at("9990004"), None);
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
    let report = play(&spool, Callee::Listens, &session, arrives).await;
    assert_eq!(report.outcome, Outcome::Unavailable);
    assert_eq!(connections(&session), 0);
}
