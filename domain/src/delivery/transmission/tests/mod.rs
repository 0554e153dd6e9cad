//! The rules of delivery, without a database.

use chrono::{DateTime, TimeDelta, Utc};
use cqrs_es::test::{AggregateTestExecutor, TestFramework};

use super::{
    Direction, Order, Retry, Spool, SpoolReport, Transmission, TransmissionCommand as Command,
    TransmissionError, TransmissionEvent as Event,
};
use crate::{
    Id, Owner, Personal, Refusal, Subject,
    delivery::{Outcome, ResultKind, SpoolResult},
    flow::{Flow, Service},
};

mod accepted;
mod bounced;
mod deadline;
mod failover;
mod opened;
mod received;
mod sessions;
mod withdrawing;

const FIRST: Id<Spool> = Id::new(1);
const SECOND: Id<Spool> = Id::new(2);

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn bobs<T>(value: T) -> Personal<T> {
    Personal::new(Subject::new("contact", 5), value)
}

fn created(try_allowed: u32) -> Event {
    Event::TransmissionCreated {
        id: Id::new(1),
        owner: Owner::in_first_tenant(Id::new(1)),
        order: Order {
            title: None,
            origin: None,
            contact_id: Id::new(5),
            account_id: None,
            program_id: Id::new(3),
            service: Service::Email,
            direction: Direction::Outbound,
            try_allowed,
            campaign_id: None,
            hours: None,
        },
    }
}

fn queued(spool: Id<Spool>, attempt: u32, due_at: DateTime<Utc>) -> Event {
    Event::SpoolQueued {
        spool,
        attempt,
        at: noon(),
        due_at,
        deadline: noon() + TimeDelta::hours(24),
        flow: Flow::send_email(Id::new(2), 1),
        program_version: 1,
        account_id: Id::new(4),
        destination: bobs("bob@example.com".to_owned()),
        avoid: vec![],
        owner: Some(Owner::in_first_tenant(Id::new(1))),
        campaign: None,
    }
}

/// A further attempt after one that was not answered: its deadline counts from its own time.
fn queued_anew(spool: Id<Spool>, attempt: u32, due_at: DateTime<Utc>) -> Event {
    let mut again = queued(spool, attempt, due_at);
    if let Event::SpoolQueued { deadline, .. } = &mut again {
        *deadline = due_at + TimeDelta::hours(24);
    }
    again
}

fn started(spool: Id<Spool>) -> Event {
    Event::SpoolStarted {
        spool,
        at: noon(),
        claim: "claim".into(),
        provider: Id::new(8),
        worker: "w".into(),
        campaign: None,
    }
}

fn start(spool: Id<Spool>) -> Command {
    Command::Start {
        spool,
        claim: "claim".into(),
        provider: Id::new(8),
        worker: "w".into(),
        at: noon(),
    }
}

fn send(again: bool, force: bool) -> Command {
    Command::Send {
        spool: SECOND,
        at: noon(),
        deadline: noon() + TimeDelta::hours(24),
        flow: Flow::send_email(Id::new(2), 1),
        program_version: 1,
        account_id: Id::new(4),
        destination: bobs("bob@example.com".to_owned()),
        again,
        force,
        paced: false,
    }
}

fn report(outcome: Outcome) -> Command {
    Command::Report {
        report: SpoolReport {
            spool: FIRST,
            provider: Some(Id::new(8)),
            at: noon(),
            connected_at: None,
            outcome,
            response: "said so".into(),
            results: vec![],
            parts: 0,
        },
        retry: Some(Retry {
            spool: SECOND,
            base_seconds: 60,
            jitter: 1.0,
            elsewhere: false,
        }),
    }
}

fn failed(outcome: Outcome) -> Event {
    Event::SpoolFailed {
        spool: FIRST,
        at: noon(),
        provider: Some(Id::new(8)),
        outcome,
        response: bobs("said so".to_owned()),
        amount: 0,
    }
}

fn unknown() -> [Event; 3] {
    [
        Event::ResultRecorded {
            spool: FIRST,
            results: bobs(vec![SpoolResult::new(
                ResultKind::Error,
                "outcome",
                "unknown",
            )]),
        },
        Event::SpoolOutcomeUnknown {
            spool: FIRST,
            at: noon(),
            response: bobs("OUTCOME_UNKNOWN said so".to_owned()),
            amount: 0,
        },
        Event::TransmissionFailed {
            at: noon(),
            outcome: Outcome::Unknown,
        },
    ]
}

fn given(events: impl IntoIterator<Item = Event>) -> AggregateTestExecutor<Transmission> {
    TestFramework::with(()).given(events.into_iter().collect())
}

fn on_the_wire(try_allowed: u32) -> Vec<Event> {
    vec![
        created(try_allowed),
        queued(FIRST, 1, noon()),
        started(FIRST),
    ]
}

#[test]
fn an_attempt_starts_once() {
    given([created(1), queued(FIRST, 1, noon())])
        .when(start(FIRST))
        .then_expect_events(vec![started(FIRST)]);
    given(on_the_wire(1))
        .when(start(FIRST))
        .then_expect_error(TransmissionError::AlreadyStarted);
}

#[test]
fn what_is_being_sent_is_not_sent_again() {
    given(on_the_wire(1))
        .when(send(false, true))
        .then_expect_error(Refusal::not_ready("it is being sent").into());
}

#[test]
fn a_rejection_is_final() {
    given(on_the_wire(5))
        .when(report(Outcome::Rejected))
        .then_expect_events(vec![
            failed(Outcome::Rejected),
            Event::TransmissionFailed {
                at: noon(),
                outcome: Outcome::Rejected,
            },
        ]);
}

#[test]
fn an_unanswered_attempt_is_repeated_while_tries_are_left() {
    let due_at = noon() + TimeDelta::seconds(60);
    given(on_the_wire(2))
        .when(report(Outcome::Unanswered))
        .then_expect_events(vec![
            failed(Outcome::Unanswered),
            Event::RetryScheduled {
                spool: SECOND,
                at: noon(),
                due_at,
            },
            queued_anew(SECOND, 2, due_at),
        ]);
    given(on_the_wire(1))
        .when(report(Outcome::Unanswered))
        .then_expect_events(vec![
            failed(Outcome::Unanswered),
            Event::TransmissionFailed {
                at: noon(),
                outcome: Outcome::Unanswered,
            },
        ]);
}

#[test]
fn an_unavailable_provider_costs_no_try_and_is_avoided_next() {
    let events = given(on_the_wire(1))
        .when(report(Outcome::Unavailable))
        .inspect_result()
        .unwrap();
    let Some(Event::SpoolQueued { avoid, .. }) = events.last() else {
        panic!("no further attempt in {events:?}");
    };
    assert_eq!(avoid, &[Id::new(8)]);
}

#[test]
fn an_unknown_outcome_is_never_tried_again_by_itself() {
    given(on_the_wire(5))
        .when(report(Outcome::Unknown))
        .then_expect_events(unknown().to_vec());
}

#[test]
fn an_unknown_outcome_is_sent_again_only_by_force() {
    let history = || on_the_wire(1).into_iter().chain(unknown());
    let refused = given(history()).when(send(false, false)).inspect_result();
    assert!(matches!(
        refused,
        Err(TransmissionError::Refused(Refusal::NotReady(_)))
    ));
    given(history())
        .when(send(false, true))
        .then_expect_events(vec![queued(SECOND, 2, noon())]);
}

#[test]
fn many_results_are_recorded_in_several_events() {
    let row = |at: usize| SpoolResult::new(ResultKind::Info, "row", at.to_string());
    let rows: Vec<SpoolResult> = (0..70).map(row).collect();
    let Command::Report { mut report, .. } = report(Outcome::Delivered) else {
        panic!("another command")
    };
    report.results.clone_from(&rows);
    let recorded = |rows: &[SpoolResult]| Event::ResultRecorded {
        spool: FIRST,
        results: bobs(rows.to_vec()),
    };
    given(on_the_wire(1))
        .when(Command::Report {
            report,
            retry: None,
        })
        .then_expect_events(vec![
            recorded(&rows[..32]),
            recorded(&rows[32..64]),
            recorded(&rows[64..]),
            Event::SpoolCompleted {
                spool: FIRST,
                at: noon(),
                response: bobs("said so".to_owned()),
                amount: 0,
            },
            Event::TransmissionCompleted { at: noon() },
        ]);
}

#[test]
fn a_late_report_settles_an_unknown_outcome() {
    given(on_the_wire(1).into_iter().chain(unknown()))
        .when(report(Outcome::Delivered))
        .then_expect_events(vec![
            Event::SpoolResolved {
                spool: FIRST,
                at: noon(),
                outcome: Outcome::Delivered,
                response: bobs("said so".to_owned()),
            },
            Event::TransmissionCompleted { at: noon() },
        ]);
}

#[test]
fn a_started_attempt_does_not_expire_it_is_lost_track_of() {
    let reason = || "said so".to_owned();
    given(on_the_wire(1))
        .when(Command::Expire {
            spool: FIRST,
            at: noon(),
            reason: reason(),
        })
        .then_expect_error(TransmissionError::AlreadyStarted);
    given(on_the_wire(1))
        .when(Command::MarkOutcomeUnknown {
            spool: FIRST,
            at: noon(),
            reason: reason(),
        })
        .then_expect_events(unknown().to_vec());
}

#[test]
fn an_attempt_that_never_started_is_not_lost() {
    given([created(1), queued(FIRST, 1, noon())])
        .when(Command::MarkOutcomeUnknown {
            spool: FIRST,
            at: noon(),
            reason: String::new(),
        })
        .then_expect_error(TransmissionError::NotStarted);
}

#[test]
fn a_person_may_try_a_failed_one_again_beyond_its_tries() {
    let history = on_the_wire(1).into_iter().chain([
        failed(Outcome::Rejected),
        Event::TransmissionFailed {
            at: noon(),
            outcome: Outcome::Rejected,
        },
    ]);
    given(history)
        .when(send(true, false))
        .then_expect_events(vec![queued(SECOND, 2, noon())]);
}
