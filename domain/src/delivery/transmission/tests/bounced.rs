//! Bounces of delivered messages.

use super::*;

fn bounce() -> Command {
    Command::Bounce {
        spool: FIRST,
        at: noon(),
        response: "550 nobody".into(),
    }
}

fn resolved() -> Event {
    Event::SpoolResolved {
        spool: FIRST,
        at: noon(),
        outcome: Outcome::Rejected,
        response: bobs("550 nobody".to_owned()),
    }
}

fn delivered() -> Vec<Event> {
    let mut events = on_the_wire(1);
    events.push(Event::SpoolCompleted {
        spool: FIRST,
        at: noon(),
        response: bobs("250 ok".to_owned()),
        amount: 0,
    });
    events.push(Event::TransmissionCompleted { at: noon() });
    events
}

fn rejected() -> Event {
    Event::TransmissionFailed {
        at: noon(),
        outcome: Outcome::Rejected,
    }
}

#[test]
fn a_bounce_fails_a_delivered_mail_once() {
    given(delivered())
        .when(bounce())
        .then_expect_events(vec![resolved(), rejected()]);
    let mut events = delivered();
    events.extend([resolved(), rejected()]);
    given(events).when(bounce()).then_expect_events(vec![]);
}

#[test]
fn a_bounce_that_is_faster_than_the_answer_is_the_answer() {
    let failed = Event::SpoolFailed {
        spool: FIRST,
        at: noon(),
        provider: None,
        outcome: Outcome::Rejected,
        response: bobs("550 nobody".to_owned()),
        amount: 0,
    };
    given(on_the_wire(1))
        .when(bounce())
        .then_expect_events(vec![failed, rejected()]);
}

#[test]
fn what_was_not_sent_cannot_come_back() {
    given(vec![created(1), queued(FIRST, 1, noon())])
        .when(bounce())
        .then_expect_error(TransmissionError::NotStarted);
}
