//! Functions that the adapters for short messages share.

use std::time::Duration;

use domain::{
    Id,
    delivery::{Outcome, ResultKind, Spool as SpoolMark, SpoolResult, text_sender},
    flow::application::SMS_SEND,
};

use crate::{Ended, Report, content::Sms};

/// Checks that the text has no more parts than the provider takes: a longer one is refused,
/// never cut.
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

/// The sender address of a message: its account's, else its provider's.
pub(crate) fn sender<'a>(
    sms: &'a Sms,
    default: Option<&'a str>,
) -> Result<Option<&'a str>, &'static str> {
    text_sender(sms.sender.as_ref(), default)
}

/// The time limit of an attempt where a response may take `answer_seconds`: twice that, for
/// what comes before the request.
pub(crate) fn time_limit(answer_seconds: u64) -> Duration {
    Duration::from_secs(answer_seconds.saturating_mul(2))
}

/// The user data header by which a handset reassembles the parts (3GPP TS 23.040,
/// 9.2.3.24.1); `None` for a single message. `number` counts from 1.
pub(crate) fn part_header(spool: Id<SpoolMark>, count: usize, number: usize) -> Option<[u8; 6]> {
    let octet = |number: usize| u8::try_from(number).ok();
    let reference = u8::try_from(spool.get().rem_euclid(256)).ok()?;
    match count {
        0 | 1 => None,
        _ => Some([5, 0, 3, reference, octet(count)?, octet(number)?]),
    }
}

/// The number in the format of a provider with this prefix.
pub(crate) fn dialled(prefix: Option<&str>, number: &str) -> String {
    match prefix {
        Some(prefix) => format!("{prefix}{}", number.trim_start_matches('+')),
        None => number.to_owned(),
    }
}

/// The report of an attempt that is decided here, without an answer of the remote side.
pub(crate) fn ours(via: &str, outcome: Outcome, words: impl Into<String>) -> Ended {
    report(via, outcome, words.into(), false)
}

/// The report of an attempt; `via` names the protocol that it was sent by.
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
