//! Attempts that were accepted and not yet reported.

use super::*;
use crate::delivery::{Acceptance, Awaited, OnReportTimeout};

fn awaited(if_silent: OnReportTimeout) -> Awaited {
    Awaited {
        provider: Id::new(8),
        message_id: Some("m-1".into()),
        until: noon() + TimeDelta::hours(1),
        if_silent,
        parts: 2,
    }
}

fn accept(if_silent: OnReportTimeout) -> Command {
    Command::Accept(Acceptance {
        spool: FIRST,
        at: noon(),
        awaited: awaited(if_silent),
        results: vec![],
    })
}

fn connected(if_silent: OnReportTimeout) -> Event {
    Event::SpoolConnected {
        spool: FIRST,
        at: noon(),
        awaited: Some(awaited(if_silent)),
    }
}

fn taken(if_silent: OnReportTimeout) -> Vec<Event> {
    let mut events = on_the_wire(3);
    events.push(connected(if_silent));
    events
}

fn completed(response: &str) -> Vec<Event> {
    vec![
        Event::SpoolCompleted {
            spool: FIRST,
            at: noon(),
            response: bobs(response.to_owned()),
            amount: 0,
        },
        Event::TransmissionCompleted { at: noon() },
    ]
}

fn time_out_report() -> Command {
    Command::TimeOutReport {
        spool: FIRST,
        at: noon(),
    }
}

#[test]
fn what_is_on_the_wire_can_be_taken_once() {
    given(on_the_wire(1))
        .when(accept(OnReportTimeout::Unknown))
        .then_expect_events(vec![connected(OnReportTimeout::Unknown)]);
    given(taken(OnReportTimeout::Unknown))
        .when(accept(OnReportTimeout::Unknown))
        .then_expect_events(vec![]);
    given([created(1), queued(FIRST, 1, noon())])
        .when(accept(OnReportTimeout::Unknown))
        .then_expect_error(TransmissionError::NotStarted);
}

#[test]
fn its_report_ends_it() {
    given(taken(OnReportTimeout::Unknown))
        .when(report(Outcome::Delivered))
        .then_expect_events(completed("said so"));
    let events = given(taken(OnReportTimeout::Unknown))
        .when(report(Outcome::Unanswered))
        .inspect_result()
        .unwrap();
    assert_eq!(events[0], failed(Outcome::Unanswered));
    assert!(matches!(events[2], Event::SpoolQueued { .. }), "{events:?}");
}

#[test]
fn a_report_that_comes_before_the_answer_counts_and_the_answer_is_too_late() {
    let reported = on_the_wire(1).into_iter().chain(completed("said so"));
    given(reported)
        .when(accept(OnReportTimeout::Unknown))
        .then_expect_error(TransmissionError::AlreadyEnded);
}

#[test]
fn silence_means_what_the_provider_is_set_to() {
    given(taken(OnReportTimeout::Delivered))
        .when(time_out_report())
        .then_expect_events(completed("it was taken, and no report came"));
    let events = given(taken(OnReportTimeout::Unknown))
        .when(time_out_report())
        .inspect_result()
        .unwrap();
    assert!(
        matches!(events[1], Event::SpoolOutcomeUnknown { .. }),
        "{events:?}"
    );
    given(on_the_wire(1))
        .when(time_out_report())
        .then_expect_error(TransmissionError::NotAccepted);
}

#[test]
fn what_was_taken_neither_starts_again_nor_is_lost_with_its_worker() {
    given(taken(OnReportTimeout::Unknown))
        .when(start(FIRST))
        .then_expect_error(TransmissionError::AlreadyStarted);
    given(taken(OnReportTimeout::Unknown))
        .when(Command::MarkOutcomeUnknown {
            spool: FIRST,
            at: noon(),
            reason: "its worker died".into(),
        })
        .then_expect_error(TransmissionError::AlreadyEnded);
}
