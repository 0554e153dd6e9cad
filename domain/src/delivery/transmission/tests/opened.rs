//! Inbound sessions.

use super::*;
use crate::{
    delivery::{Arrival, Holder, Message, Opened, Opening, SpoolProgress},
    outreach::ProgramKind,
};

fn owner() -> Owner {
    Owner::in_first_tenant(Id::new(1))
}

fn order() -> Order {
    let Event::TransmissionCreated { order, .. } = created(1) else {
        panic!("it begins with its creation");
    };
    Order {
        service: Service::Fax,
        direction: Direction::Inbound,
        ..order
    }
}

fn flow() -> Flow {
    let kind = ProgramKind::ReceiveFax {
        account_id: Id::new(4),
    };
    Flow::compile(Id::new(3), &kind, 2)
}

fn message() -> Message {
    Message {
        source: Some("+15550101".to_owned()),
        destination: "+15550102".to_owned(),
        ..Message::default()
    }
}

fn gives_up() -> DateTime<Utc> {
    noon() + TimeDelta::seconds(60)
}

fn opening(holder: Option<Holder>) -> Opening {
    Opening {
        arrival: Arrival {
            id: Id::new(1),
            owner: owner(),
            order: order(),
            spool: FIRST,
            at: noon(),
            provider: Some(Id::new(8)),
            account_id: Id::new(4),
            flow: flow(),
            program_version: 2,
            key: "print".to_owned(),
            message: message(),
            results: vec![],
        },
        deadline: gives_up(),
        holder,
    }
}

fn open(holder: Option<Holder>) -> Command {
    Command::Open(Box::new(opening(holder)))
}

fn us() -> Holder {
    Holder {
        claim: "claim".to_owned(),
        worker: "w".to_owned(),
    }
}

fn recorded(rows: Vec<SpoolResult>) -> Event {
    Event::ResultRecorded {
        spool: FIRST,
        results: bobs(rows),
    }
}

/// The events of a session that waits for a process.
fn waiting() -> Vec<Event> {
    vec![
        Event::TransmissionCreated {
            id: Id::new(1),
            owner: owner(),
            order: order(),
        },
        Event::SpoolReceived {
            spool: FIRST,
            at: noon(),
            provider: Some(Id::new(8)),
            account_id: Id::new(4),
            flow: flow(),
            program_version: 2,
            key: "print".to_owned(),
            message: bobs(message()),
            opened: Some(Opened {
                owner: owner(),
                deadline: gives_up(),
            }),
        },
    ]
}

/// The events of a session in progress.
fn in_progress() -> Vec<Event> {
    let mut events = waiting();
    events.push(started(FIRST));
    events
}

fn hang_up() -> Command {
    Command::HangUp {
        spool: FIRST,
        at: noon(),
    }
}

fn mark() -> Command {
    Command::MarkOutcomeUnknown {
        spool: FIRST,
        at: noon(),
        reason: "said so".to_owned(),
    }
}

/// The report on a session that was answered at noon and lasted for this time.
fn ended(outcome: Outcome, lasted: TimeDelta) -> Command {
    let Command::Report { mut report, retry } = report(outcome) else {
        panic!("another command")
    };
    report.at += lasted;
    report.connected_at = Some(noon());
    Command::Report { report, retry }
}

#[test]
fn a_session_is_in_progress_with_the_process_that_takes_it() {
    given([])
        .when(open(Some(us())))
        .then_expect_events(in_progress());
}

#[test]
fn a_session_waits_for_a_process_that_starts_it_once() {
    given([]).when(open(None)).then_expect_events(waiting());
    given(waiting())
        .when(start(FIRST))
        .then_expect_events(vec![started(FIRST)]);
    given(in_progress())
        .when(start(FIRST))
        .then_expect_error(TransmissionError::AlreadyStarted);
}

#[test]
fn a_session_is_opened_once_and_never_sent() {
    given(in_progress())
        .when(open(Some(us())))
        .then_expect_error(Refusal::AlreadyExists.into());
    given(in_progress())
        .when(send(false, false))
        .then_expect_error(Refusal::not_ready("it is being sent").into());
}

#[test]
fn a_session_without_a_provider_is_refused() {
    let mut opening = opening(None);
    opening.arrival.provider = None;
    given([])
        .when(Command::Open(Box::new(opening)))
        .then_expect_error(Refusal::invalid("provider_id", "is required").into());
}

#[test]
fn its_connection_and_results_are_recorded_while_it_lasts() {
    let row = SpoolResult::new(ResultKind::Application, "inbound", "success");
    let connected = Event::SpoolConnected {
        spool: FIRST,
        at: noon(),
        awaited: None,
    };
    given(in_progress())
        .when(Command::Progress(SpoolProgress {
            spool: FIRST,
            connected_at: Some(noon()),
            before: 0,
            results: vec![row.clone()],
        }))
        .then_expect_events(vec![connected, recorded(vec![row])]);
}

#[test]
fn it_ends_with_its_seconds_as_the_amount() {
    let at = noon() + TimeDelta::milliseconds(6_001);
    given(in_progress())
        .when(ended(Outcome::Delivered, TimeDelta::milliseconds(6_001)))
        .then_expect_events(vec![
            Event::SpoolConnected {
                spool: FIRST,
                at: noon(),
                awaited: None,
            },
            Event::SpoolCompleted {
                spool: FIRST,
                at,
                response: bobs("said so".to_owned()),
                amount: 7,
            },
            Event::TransmissionCompleted { at },
        ]);
}

#[test]
fn a_session_that_failed_is_not_repeated() {
    for outcome in [Outcome::Unavailable, Outcome::Unanswered] {
        given(in_progress())
            .when(report(outcome))
            .then_expect_events(vec![
                failed(outcome),
                Event::TransmissionFailed {
                    at: noon(),
                    outcome,
                },
            ]);
    }
}

#[test]
fn a_session_whose_process_died_has_an_unknown_outcome_once() {
    let lost = || unknown().into_iter();
    given(in_progress())
        .when(mark())
        .then_expect_events(lost().collect());
    given(in_progress().into_iter().chain(lost()))
        .when(mark())
        .then_expect_error(TransmissionError::AlreadyEnded);
    given(waiting())
        .when(mark())
        .then_expect_error(TransmissionError::NotStarted);
}

#[test]
fn a_session_is_hung_up_while_it_lasts_and_cancelled_while_it_waits() {
    let requested = Event::SpoolHangupRequested {
        spool: FIRST,
        at: noon(),
    };
    given(in_progress())
        .when(hang_up())
        .then_expect_events(vec![requested]);
    let outcome = Outcome::Rejected;
    let row = SpoolResult::new(ResultKind::Error, "outcome", "cancelled");
    given(waiting()).when(hang_up()).then_expect_events(vec![
        recorded(vec![row]),
        Event::SpoolFailed {
            spool: FIRST,
            at: noon(),
            provider: None,
            outcome,
            response: bobs("CANCELLED before it started".to_owned()),
            amount: 0,
        },
        Event::TransmissionFailed {
            at: noon(),
            outcome,
        },
    ]);
}

#[test]
fn a_session_that_no_process_takes_expires() {
    let outcome = Outcome::Unavailable;
    given(waiting())
        .when(Command::Expire {
            spool: FIRST,
            at: gives_up(),
            reason: "said so".to_owned(),
        })
        .then_expect_events(vec![
            Event::SpoolFailed {
                spool: FIRST,
                at: gives_up(),
                provider: None,
                outcome,
                response: bobs("said so".to_owned()),
                amount: 0,
            },
            Event::TransmissionFailed {
                at: gives_up(),
                outcome,
            },
        ]);
}
