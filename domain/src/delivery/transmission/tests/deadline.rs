//! The deadline of a round of attempts.

use super::*;

#[test]
fn the_deadline_ends_the_attempts() {
    let mut history = on_the_wire(1);
    if let Event::SpoolQueued { deadline, .. } = &mut history[1] {
        *deadline = noon() + TimeDelta::seconds(10);
    }
    given(history)
        .when(report(Outcome::Unavailable))
        .then_expect_events(vec![
            failed(Outcome::Unavailable),
            Event::TransmissionFailed {
                at: noon(),
                outcome: Outcome::Unavailable,
            },
        ]);
}

/// The last event of a call's report whose deadline is within this many seconds.
fn after_report(seconds: i64, outcome: Outcome) -> Event {
    let mut history = on_the_wire(3);
    if let Event::SpoolQueued { deadline, .. } = &mut history[1] {
        *deadline = noon() + TimeDelta::seconds(seconds);
    }
    let events = given(history).when(report(outcome)).inspect_result();
    events.unwrap().pop().unwrap()
}

#[test]
fn the_deadline_does_not_end_what_is_not_answered() {
    let due_at = noon() + TimeDelta::seconds(60);
    let next = after_report(10, Outcome::Unanswered);
    let Event::SpoolQueued { deadline, .. } = next else {
        panic!("no further attempt: {next:?}");
    };
    assert_eq!(deadline, due_at + TimeDelta::seconds(10));
    assert!(matches!(
        after_report(10, Outcome::Unavailable),
        Event::TransmissionFailed { .. }
    ));
}

#[test]
fn an_unavailable_attempt_keeps_the_deadline_of_the_round() {
    let next = after_report(100, Outcome::Unavailable);
    let Event::SpoolQueued { deadline, .. } = next else {
        panic!("no further attempt: {next:?}");
    };
    assert_eq!(deadline, noon() + TimeDelta::seconds(100));
    // The time that an unanswered attempt gets is that of the first, not what was left of it.
    let mut history = on_the_wire(3);
    history.extend([failed(Outcome::Unavailable)]);
    let mut again = queued(SECOND, 2, noon() + TimeDelta::hours(20));
    if let Event::SpoolQueued { deadline, .. } = &mut again {
        *deadline = noon() + TimeDelta::hours(24);
    }
    history.extend([again, started(SECOND)]);
    let Command::Report { mut report, retry } = report(Outcome::Unanswered) else {
        panic!("another command")
    };
    report.spool = SECOND;
    report.at = noon() + TimeDelta::hours(20);
    let events = given(history)
        .when(Command::Report { report, retry })
        .inspect_result()
        .unwrap();
    let Some(Event::SpoolQueued {
        deadline, due_at, ..
    }) = events.last()
    else {
        panic!("no further attempt: {events:?}");
    };
    assert_eq!(*deadline, *due_at + TimeDelta::hours(24));
}

#[test]
fn a_retry_that_ran_out_of_time_still_says_why_the_one_before_failed() {
    let mut history = on_the_wire(1);
    history.extend([failed(Outcome::Unavailable), queued(SECOND, 2, noon())]);
    given(history)
        .when(Command::Expire {
            spool: SECOND,
            at: noon(),
            reason: "too late".into(),
        })
        .then_expect_events(vec![
            Event::SpoolFailed {
                spool: SECOND,
                at: noon(),
                provider: None,
                outcome: Outcome::Unavailable,
                response: bobs("too late; the attempt before it: said so".to_owned()),
                amount: 0,
            },
            Event::TransmissionFailed {
                at: noon(),
                outcome: Outcome::Unavailable,
            },
        ]);
}
