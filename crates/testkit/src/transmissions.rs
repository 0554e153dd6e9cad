//! Events of transmissions, for tests of what follows the log.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Id, Owner, Personal, Subject,
    delivery::{Direction, Message, Opened, Order, Outcome, Spool, TransmissionEvent},
    flow::{Flow, Service},
};

/// The time of these events.
pub fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

/// A new transmission to a contact.
pub fn transmission(id: i64, owner: i64, contact: i64) -> TransmissionEvent {
    TransmissionEvent::TransmissionCreated {
        id: Id::new(id),
        owner: domain::Owner::in_first_tenant(Id::new(owner)),
        order: order(contact),
    }
}

/// The order of an email to a contact.
pub fn order(contact: i64) -> Order {
    Order {
        title: "Spring".parse().ok(),
        origin: None,
        contact_id: Id::new(contact),
        account_id: None,
        program_id: Id::new(1),
        service: Service::Email,
        direction: Direction::Outbound,
        try_allowed: 2,
        campaign_id: None,
        hours: None,
    }
}

/// An attempt that is queued.
pub fn queued(spool: i64, attempt: u32, contact: i64) -> TransmissionEvent {
    TransmissionEvent::SpoolQueued {
        spool: Id::new(spool),
        attempt,
        at: noon(),
        due_at: noon(),
        deadline: noon() + TimeDelta::hours(24),
        flow: Flow::send_email(Id::new(1), 1),
        program_version: 1,
        account_id: Id::new(1),
        destination: personal(contact, "secret@example.com".to_owned()),
        avoid: vec![Id::new(9)],
        owner: None,
        campaign: None,
    }
}

/// An outbound call that is queued.
pub fn queued_call(spool: i64, attempt: u32, contact: i64) -> TransmissionEvent {
    TransmissionEvent::SpoolQueued {
        spool: Id::new(spool),
        attempt,
        at: noon(),
        due_at: noon(),
        deadline: noon() + TimeDelta::minutes(2),
        flow: call(),
        program_version: 1,
        account_id: Id::new(1),
        destination: personal(contact, "+15550100".to_owned()),
        avoid: Vec::new(),
        owner: Some(Owner::in_first_tenant(Id::new(5))),
        campaign: None,
    }
}

/// A call that comes in.
pub fn arrived_call(spool: i64, contact: i64) -> TransmissionEvent {
    let message = Message {
        source: Some("+15550142".to_owned()),
        destination: "+4930123456".to_owned(),
        sender: Some("Ada".to_owned()),
        ..Message::default()
    };
    TransmissionEvent::SpoolReceived {
        spool: Id::new(spool),
        at: noon(),
        provider: Some(Id::new(8)),
        account_id: Id::new(1),
        flow: call(),
        program_version: 1,
        key: format!("call/{spool}"),
        message: personal(contact, message),
        opened: Some(Opened {
            owner: Owner::in_first_tenant(Id::new(5)),
            deadline: noon() + TimeDelta::minutes(2),
        }),
    }
}

fn call() -> Flow {
    Flow {
        service: Service::Voice,
        steps: Vec::new(),
    }
}

/// The connection of a call, so many seconds after noon.
pub fn connected(spool: i64, seconds: i64) -> TransmissionEvent {
    TransmissionEvent::SpoolConnected {
        spool: Id::new(spool),
        at: noon() + TimeDelta::seconds(seconds),
        awaited: None,
    }
}

/// The request to hang up a call.
pub fn hung_up(spool: i64) -> TransmissionEvent {
    TransmissionEvent::SpoolHangupRequested {
        spool: Id::new(spool),
        at: noon() + TimeDelta::seconds(2),
    }
}

/// The events that end an attempt and its transmission.
pub fn ended(spool: i64, contact: i64, outcome: Outcome, word: &str) -> [TransmissionEvent; 2] {
    use TransmissionEvent::{
        SpoolCompleted, SpoolFailed, SpoolOutcomeUnknown, TransmissionCompleted, TransmissionFailed,
    };
    let (spool, response) = (Id::<Spool>::new(spool), personal(contact, word.to_owned()));
    let at = noon() + TimeDelta::seconds(3);
    match outcome {
        Outcome::Delivered => [
            SpoolCompleted {
                spool,
                at,
                response,
                amount: 0,
            },
            TransmissionCompleted { at },
        ],
        Outcome::Unknown => [
            SpoolOutcomeUnknown {
                spool,
                at,
                response,
                amount: 0,
            },
            TransmissionFailed { at, outcome },
        ],
        _ => [
            SpoolFailed {
                spool,
                at,
                provider: None,
                outcome,
                response,
                amount: 0,
            },
            TransmissionFailed { at, outcome },
        ],
    }
}

/// Personal data of a contact.
pub fn personal<T>(contact: i64, value: T) -> Personal<T> {
    Personal::new(Subject::new("contact", contact), value)
}
