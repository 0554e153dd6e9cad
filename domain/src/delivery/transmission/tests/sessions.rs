//! Attempts that last: what they report meanwhile, their hang-up, and the billed amount.

use super::*;
use crate::delivery::SpoolProgress;

fn call() -> Vec<Event> {
    let mut events = on_the_wire(3);
    if let Event::TransmissionCreated { order, .. } = &mut events[0] {
        order.service = Service::Voice;
    }
    events
}

fn row(data: &str) -> SpoolResult {
    SpoolResult::new(ResultKind::Application, "voice_play", data)
}

fn recorded(rows: &[SpoolResult]) -> Event {
    Event::ResultRecorded {
        spool: FIRST,
        results: bobs(rows.to_vec()),
    }
}

fn connected() -> Event {
    Event::SpoolConnected {
        spool: FIRST,
        at: noon(),
        awaited: None,
    }
}

fn progress(before: usize, rows: &[SpoolResult]) -> Command {
    Command::Progress(SpoolProgress {
        spool: FIRST,
        connected_at: Some(noon()),
        before,
        results: rows.to_vec(),
    })
}

fn hang_up() -> Command {
    Command::HangUp {
        spool: FIRST,
        at: noon(),
    }
}

fn requested() -> Event {
    Event::SpoolHangupRequested {
        spool: FIRST,
        at: noon(),
    }
}

/// The report on an attempt that was connected at noon, and ended some time after.
fn ended(outcome: Outcome, after: TimeDelta) -> Command {
    let Command::Report { mut report, retry } = report(outcome) else {
        panic!("another command")
    };
    report.at += after;
    report.connected_at = Some(noon());
    Command::Report { report, retry }
}

fn cancelled() -> SpoolResult {
    SpoolResult::new(ResultKind::Error, "outcome", "cancelled")
}

#[test]
fn the_connection_and_results_are_recorded_while_it_lasts() {
    let (first, second) = ([row("success")], [row("failed")]);
    given(call())
        .when(progress(0, &first))
        .then_expect_events(vec![connected(), recorded(&first)]);
    let so_far = || {
        let mut events = call();
        events.extend([connected(), recorded(&first)]);
        events
    };
    given(so_far())
        .when(progress(1, &second))
        .then_expect_events(vec![recorded(&second)]);
    given(so_far())
        .when(progress(0, &first))
        .then_expect_events(vec![]);
}

#[test]
fn nothing_is_recorded_before_the_start_or_after_the_end() {
    given([created(1), queued(FIRST, 1, noon())])
        .when(progress(0, &[]))
        .then_expect_error(TransmissionError::NotStarted);
    given(on_the_wire(1).into_iter().chain(unknown()))
        .when(progress(0, &[]))
        .then_expect_error(TransmissionError::AlreadyEnded);
}

#[test]
fn a_hang_up_is_asked_for_once() {
    given(call())
        .when(hang_up())
        .then_expect_events(vec![requested()]);
    given(call().into_iter().chain([requested()]))
        .when(hang_up())
        .then_expect_events(vec![]);
    given(call().into_iter().chain(unknown()))
        .when(hang_up())
        .then_expect_events(vec![]);
}

#[test]
fn a_call_that_was_hung_up_is_not_retried() {
    let failed = Event::SpoolFailed {
        spool: FIRST,
        at: noon(),
        provider: Some(Id::new(8)),
        outcome: Outcome::Unanswered,
        response: bobs("CANCELLED said so".to_owned()),
        amount: 0,
    };
    let failure = Event::TransmissionFailed {
        at: noon(),
        outcome: Outcome::Unanswered,
    };
    given(call().into_iter().chain([requested()]))
        .when(report(Outcome::Unanswered))
        .then_expect_events(vec![recorded(&[cancelled()]), failed, failure]);
}

#[test]
fn an_attempt_that_waits_is_cancelled_at_once_and_never_starts() {
    let outcome = Outcome::Rejected;
    let failed = Event::SpoolFailed {
        spool: FIRST,
        at: noon(),
        provider: None,
        outcome,
        response: bobs("CANCELLED before it started".to_owned()),
        amount: 0,
    };
    let events = vec![
        recorded(&[cancelled()]),
        failed,
        Event::TransmissionFailed {
            at: noon(),
            outcome,
        },
    ];
    let waiting = || vec![created(3), queued(FIRST, 1, noon())];
    given(waiting())
        .when(hang_up())
        .then_expect_events(events.clone());
    given(waiting().into_iter().chain(events))
        .when(start(FIRST))
        .then_expect_error(TransmissionError::AlreadyEnded);
}

fn amount(history: Vec<Event>, report: Command) -> u32 {
    let events = given(history).when(report).inspect_result().unwrap();
    let mut amounts = events.into_iter().filter_map(|event| match event {
        Event::SpoolCompleted { amount, .. }
        | Event::SpoolFailed { amount, .. }
        | Event::SpoolOutcomeUnknown { amount, .. } => Some(amount),
        _ => None,
    });
    amounts.next().unwrap()
}

#[test]
fn each_second_of_a_call_that_began_is_billed() {
    let after = TimeDelta::milliseconds;
    for (milliseconds, seconds) in [(0, 0), (1, 1), (1_000, 1), (61_001, 62)] {
        let ended = ended(Outcome::Delivered, after(milliseconds));
        assert_eq!(amount(call(), ended), seconds);
    }
    let known = call().into_iter().chain([connected()]).collect();
    let Command::Report { mut report, retry } = ended(Outcome::Rejected, after(5_000)) else {
        panic!("another command")
    };
    report.connected_at = None;
    assert_eq!(amount(known, Command::Report { report, retry }), 5);
    assert_eq!(amount(call(), self::report(Outcome::Unanswered)), 0);
}

#[test]
fn the_seconds_of_a_call_that_was_lost_are_not_known() {
    let mark = Command::MarkOutcomeUnknown {
        spool: FIRST,
        at: noon() + TimeDelta::hours(1),
        reason: "its worker died".into(),
    };
    let known = call().into_iter().chain([connected()]).collect();
    assert_eq!(amount(known, mark), 0);
}

#[test]
fn the_parts_of_a_delivered_short_message_are_billed() {
    let mut history = on_the_wire(1);
    if let Event::TransmissionCreated { order, .. } = &mut history[0] {
        order.service = Service::Sms;
    }
    for (outcome, parts) in [(Outcome::Delivered, 3), (Outcome::Rejected, 0)] {
        let Command::Report { mut report, retry } = report(outcome) else {
            panic!("another command")
        };
        report.parts = 3;
        let report = Command::Report { report, retry };
        assert_eq!(amount(history.clone(), report), parts);
    }
}

#[test]
fn an_end_on_record_from_before_amounts_is_read() {
    let stored = serde_json::to_value(failed(Outcome::Unavailable)).unwrap();
    assert_eq!(stored["SpoolFailed"].get("amount"), None);
    let read: Event = serde_json::from_value(stored).unwrap();
    assert_eq!(read, failed(Outcome::Unavailable));
}
