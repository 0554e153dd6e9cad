//! What adapters for short messages have in common.

use std::time::Duration;

use domain::{
    Id,
    delivery::{Outcome, ResultKind, Spool as SpoolMark, SpoolResult, text_sender},
    flow::application::SMS_SEND,
};

use crate::{Ended, Report, content::Sms};

/// That the text has no more parts than the provider takes: it is refused, never cut.
pub(crate) fn fits(sms: &Sms, most: u64) -> Result<(), String> {
    let count = sms.encoded.parts.len();
    if count > usize::try_from(most).unwrap_or(usize::MAX) {
        Err(format!(
            "the text takes {count} messages; this provider takes at most {most}"
        ))
    } else {
        Ok(())
    }
}

/// The sender that a message is written with: its account's, else its provider's.
pub(crate) fn sender<'a>(
    sms: &'a Sms,
    default: Option<&'a str>,
) -> Result<Option<&'a str>, &'static str> {
    text_sender(sms.sender.as_ref(), default)
}

/// How long an attempt may take where an answer may take so many seconds: the other half
/// is for what comes before it.
pub(crate) fn patience(answer_seconds: u64) -> Duration {
    Duration::from_secs(answer_seconds.saturating_mul(2))
}

/// The header that puts parts together again (3GPP TS 23.040, 9.2.3.24.1); of a single
/// message none. `number` counts from 1.
pub(crate) fn part_header(spool: Id<SpoolMark>, count: usize, number: usize) -> Option<[u8; 6]> {
    let octet = |number: usize| u8::try_from(number).ok();
    let reference = u8::try_from(spool.get().rem_euclid(256)).ok()?;
    match count {
        0 | 1 => None,
        _ => Some([5, 0, 3, reference, octet(count)?, octet(number)?]),
    }
}

/// The number as a provider with this prefix wants it.
pub(crate) fn dialled(prefix: Option<&str>, number: &str) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}{}", number.trim_start_matches('+')),
        None => number.to_owned(),
    }
}

/// What is ours to say, without the other side.
pub(crate) fn ours(via: &str, outcome: Outcome, words: impl Into<String>) -> Ended {
    report(via, outcome, words.into(), false)
}

/// How an attempt ended; `via` names what it was sent by.
pub(crate) fn report(via: &str, outcome: Outcome, words: String, connected: bool) -> Ended {
    Ended::Reported(Report {
        outcome,
        results: results(via, outcome, &words),
        response: words,
        connected,
    })
}

/// The result rows of an attempt.
pub(crate) fn results(via: &str, outcome: Outcome, words: &str) -> Vec<SpoolResult> {
    let (kind, result) = match outcome {
        Outcome::Delivered => (ResultKind::Info, "success"),
        _ => (ResultKind::Error, "failed"),
    };
    vec![
        SpoolResult::new(ResultKind::Application, SMS_SEND, result),
        SpoolResult::new(kind, via, words),
    ]
}
