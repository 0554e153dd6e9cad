//! Failover from one provider to the next.

use super::*;

/// A report of an attempt by provider 8, with another provider left to try.
fn report_with_another_left(outcome: Outcome) -> Command {
    let Command::Report { report, retry } = report(outcome) else {
        panic!("it is a report")
    };
    let retry = retry.map(|retry| Retry {
        elsewhere: true,
        ..retry
    });
    Command::Report { report, retry }
}

fn retried(due_at: DateTime<Utc>, avoid: Vec<Id<crate::delivery::Provider>>) -> [Event; 2] {
    let mut again = queued(SECOND, 2, due_at);
    if let Event::SpoolQueued { avoid: tried, .. } = &mut again {
        *tried = avoid;
    }
    let spool = SECOND;
    [
        Event::RetryScheduled {
            spool,
            at: noon(),
            due_at,
        },
        again,
    ]
}

#[test]
fn an_unreached_attempt_fails_over_at_once() {
    let expected = |due_at| {
        let mut events = vec![failed(Outcome::Unavailable)];
        events.extend(retried(due_at, vec![Id::new(8)]));
        events
    };
    given(on_the_wire(1))
        .when(report_with_another_left(Outcome::Unavailable))
        .then_expect_events(expected(noon()));
    given([created(1), queued(FIRST, 1, noon())])
        .when(report_with_another_left(Outcome::Unavailable))
        .then_expect_events(expected(noon()));
    given([created(1), queued(FIRST, 1, noon())])
        .when(report(Outcome::Unavailable))
        .then_expect_events(expected(noon() + TimeDelta::seconds(60)));
}

#[test]
fn an_unanswered_call_does_not_fail_over() {
    let due_at = noon() + TimeDelta::seconds(60);
    let scheduled = Event::RetryScheduled {
        spool: SECOND,
        at: noon(),
        due_at,
    };
    let events = vec![
        failed(Outcome::Unanswered),
        scheduled,
        queued_anew(SECOND, 2, due_at),
    ];
    given(on_the_wire(2))
        .when(report_with_another_left(Outcome::Unanswered))
        .then_expect_events(events);
}

#[test]
fn a_failure_on_record_from_before_providers_were_named_is_read() {
    let stored = serde_json::to_value(failed(Outcome::Unavailable)).unwrap();
    let mut old = stored.clone();
    old["SpoolFailed"]
        .as_object_mut()
        .unwrap()
        .remove("provider");
    assert_ne!(old, stored);
    let read: Event = serde_json::from_value(old).unwrap();
    assert!(matches!(read, Event::SpoolFailed { provider: None, .. }));
}
