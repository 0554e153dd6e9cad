//! Withdrawal of queued attempts, and suppression.

use super::*;

fn withdrawn(spool: Id<Spool>, attempt: u32) -> Event {
    Event::SpoolWithdrawn {
        spool,
        attempt,
        at: noon(),
        reason: "stopped".to_owned(),
        open_at: noon(),
    }
}

#[test]
fn what_was_withdrawn_goes_on_in_the_same_round() {
    let unanswered = Event::SpoolFailed {
        spool: FIRST,
        at: noon(),
        outcome: Outcome::Unanswered,
        response: bobs("busy".to_owned()),
        provider: None,
        amount: 0,
    };
    let third: Id<Spool> = Id::new(3);
    let report = Command::Report {
        report: SpoolReport {
            spool: third,
            provider: Some(Id::new(8)),
            at: noon(),
            connected_at: None,
            outcome: Outcome::Unanswered,
            response: "busy".into(),
            results: vec![],
            parts: 0,
        },
        retry: Some(Retry {
            spool: Id::new(4),
            base_seconds: 60,
            jitter: 1.0,
            elsewhere: false,
        }),
    };
    // Two unanswered attempts are allowed, and that before the withdrawal counts.
    let events = given(vec![
        created(2),
        queued(FIRST, 1, noon()),
        started(FIRST),
        unanswered,
        queued(SECOND, 2, noon()),
        withdrawn(SECOND, 2),
        queued(third, 2, noon()),
        started(third),
    ])
    .when(report)
    .inspect_result()
    .unwrap();
    assert!(matches!(
        events.last(),
        Some(Event::TransmissionFailed {
            outcome: Outcome::Unanswered,
            ..
        })
    ));
}

#[test]
fn what_was_withdrawn_is_neither_started_nor_withdrawn_again() {
    let gone = || vec![created(1), queued(FIRST, 1, noon()), withdrawn(FIRST, 1)];
    given(gone())
        .when(start(FIRST))
        .then_expect_error(TransmissionError::AlreadyEnded);
    let again = Command::Withdraw {
        spool: FIRST,
        at: noon(),
        reason: "stopped".to_owned(),
    };
    given(gone())
        .when(again.clone())
        .then_expect_error(TransmissionError::AlreadyEnded);
    given(vec![created(1), queued(FIRST, 1, noon()), started(FIRST)])
        .when(again)
        .then_expect_error(TransmissionError::AlreadyStarted);
}

#[test]
fn what_must_not_be_sent_fails_with_its_reason() {
    let suppress = |spool| Command::Suppress {
        spool,
        at: noon(),
        reason: "opted out".to_owned(),
    };
    let suppressed = || Event::TransmissionSuppressed {
        at: noon(),
        reason: "opted out".to_owned(),
    };
    given(vec![created(1)])
        .when(suppress(None))
        .then_expect_events(vec![suppressed()]);
    let failed = Event::SpoolFailed {
        spool: FIRST,
        at: noon(),
        outcome: Outcome::Rejected,
        response: bobs("SUPPRESSED opted out".to_owned()),
        provider: None,
        amount: 0,
    };
    given(vec![created(1), queued(FIRST, 1, noon())])
        .when(suppress(Some(FIRST)))
        .then_expect_events(vec![failed, suppressed()]);
    given(vec![created(1), queued(FIRST, 1, noon()), started(FIRST)])
        .when(suppress(Some(FIRST)))
        .then_expect_error(TransmissionError::AlreadyStarted);
}
