//! Attempts that were accepted and not yet reported.

use super::*;
use crate::delivery::{Acceptance, Awaited, IfSilent};

fn awaited(if_silent: IfSilent) -> Awaited {
    Awaited {
        provider: Id::new(8),
        message_id: Some("m-1".into()),
        until: noon() + TimeDelta::hours(1),
        if_silent,
    }
}

fn accept(if_silent: IfSilent) -> Command {
    Command::Accept(Acceptance {
        spool: FIRST,
        at: noon(),
        awaited: awaited(if_silent),
        results: vec![],
    })
}

fn connected(if_silent: IfSilent) -> Event {
    Event::SpoolConnected {
        spool: FIRST,
        at: noon(),
        awaited: Some(awaited(if_silent)),
    }
}

fn taken(if_silent: IfSilent) -> Vec<Event> {
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
        },
        Event::TransmissionCompleted { at: noon() },
    ]
}

fn silence() -> Command {
    Command::Silence {
        spool: FIRST,
        at: noon(),
    }
}

#[test]
fn what_is_on_the_wire_can_be_taken_once() {
    given(on_the_wire(1))
        .when(accept(IfSilent::Unknown))
        .then_expect_events(vec![connected(IfSilent::Unknown)]);
    given(taken(IfSilent::Unknown))
        .when(accept(IfSilent::Unknown))
        .then_expect_events(vec![]);
    given([created(1), queued(FIRST, 1, noon())])
        .when(accept(IfSilent::Unknown))
        .then_expect_error(TransmissionError::NotStarted);
}

#[test]
fn its_report_ends_it() {
    given(taken(IfSilent::Unknown))
        .when(report(Outcome::Delivered))
        .then_expect_events(completed("said so"));
    let events = given(taken(IfSilent::Unknown))
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
        .when(accept(IfSilent::Unknown))
        .then_expect_error(TransmissionError::AlreadyEnded);
}

#[test]
fn silence_means_what_the_provider_is_set_to() {
    given(taken(IfSilent::Delivered))
        .when(silence())
        .then_expect_events(completed("it was taken, and no report came"));
    let events = given(taken(IfSilent::Unknown))
        .when(silence())
        .inspect_result()
        .unwrap();
    assert!(
        matches!(events[1], Event::SpoolOutcomeUnknown { .. }),
        "{events:?}"
    );
    given(on_the_wire(1))
        .when(silence())
        .then_expect_error(TransmissionError::NotAccepted);
}

#[test]
fn what_was_taken_neither_starts_again_nor_is_lost_with_its_worker() {
    given(taken(IfSilent::Unknown))
        .when(start(FIRST))
        .then_expect_error(TransmissionError::AlreadyStarted);
    given(taken(IfSilent::Unknown))
        .when(Command::MarkOutcomeUnknown {
            spool: FIRST,
            at: noon(),
            reason: "its worker died".into(),
        })
        .then_expect_error(TransmissionError::AlreadyEnded);
}
