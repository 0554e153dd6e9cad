//! Inbound messages.

use cqrs_es::Aggregate;

use super::*;
use crate::{
    Entity,
    delivery::{Arrival, Message},
};

fn arrival() -> Arrival {
    let Event::TransmissionCreated { id, owner, order } = created(1) else {
        panic!("it begins with its creation");
    };
    Arrival {
        id,
        owner,
        order,
        spool: FIRST,
        at: noon(),
        provider: Some(Id::new(8)),
        account_id: Id::new(4),
        flow: Flow::confirming("hello".to_owned()),
        program_version: 2,
        key: "print".to_owned(),
        message: Message::default(),
        results: vec![],
    }
}

fn receive() -> Command {
    Command::Receive(Box::new(arrival()))
}

#[test]
fn what_came_in_is_completed_and_cannot_be_sent() {
    let mut transmission = Transmission::default();
    for event in transmission.decide(receive()).unwrap() {
        transmission.apply(event);
    }
    assert!(transmission.is_completed());
    assert!(transmission.has(FIRST));
    assert!(transmission.decide(send(false, false)).is_err());
    assert!(transmission.decide(receive()).is_err());
}

#[test]
fn it_is_recognised_also_when_it_is_deleted() {
    let mut transmission = Transmission::default();
    for event in transmission.decide(receive()).unwrap() {
        transmission.apply(event);
    }
    let claim = Transmission::received_claim("print".to_owned());
    assert_eq!(transmission.claims(), std::slice::from_ref(&claim));
    transmission.apply(Event::TransmissionDeleted {});
    assert!(!transmission.exists());
    assert_eq!(transmission.claims(), [claim]);
}
