//! What sendsms answers.

use domain::delivery::Outcome;
use hyper::StatusCode;

use crate::words::one_line;

/// How much of an answer is kept.
const WORDS: usize = 300;

/// An answer, classified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// Whether it was taken, or why not.
    pub outcome: Outcome,
    /// On one line, with the status before it.
    pub words: String,
}

/// Reads an answer. Kannel takes what it answers 202 to, be it that it goes out at once
/// (`0:`) or waits for a connection (`3:`).
pub(super) fn read(status: StatusCode, body: &[u8]) -> Reply {
    let text = one_line(&String::from_utf8_lossy(body), WORDS);
    let outcome = match status.as_u16() {
        200..=299 => Outcome::Delivered,
        // It is this installation that is not let in, not the message that is refused.
        401 | 403 if text.starts_with("Authorization failed") => Outcome::Unavailable,
        401 | 407 => Outcome::Unavailable,
        408 | 429 => Outcome::Unavailable,
        400..=499 => Outcome::Rejected,
        503 => Outcome::Unavailable,
        // What stands before it may have lost the answer to what was taken.
        _ => Outcome::Unknown,
    };
    Reply {
        outcome,
        words: format!("{} {text}", status.as_u16()).trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_for_what_it_says() {
        for (status, body, outcome) in [
            (202, "0: Accepted for delivery", Outcome::Delivered),
            (202, "3: Queued for later delivery", Outcome::Delivered),
            (
                403,
                "Authorization failed for sendsms",
                Outcome::Unavailable,
            ),
            (403, "Not routable. Do not try again.", Outcome::Rejected),
            (400, "Missing receiver number", Outcome::Rejected),
            (404, "", Outcome::Rejected),
            (429, "slow down", Outcome::Unavailable),
            (500, "", Outcome::Unknown),
            (502, "", Outcome::Unknown),
            (
                503,
                "Temporal failure, try again later.",
                Outcome::Unavailable,
            ),
        ] {
            let reply = read(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            assert_eq!(reply.outcome, outcome, "{status} {body}");
            assert!(reply.words.starts_with(&status.to_string()));
        }
    }

    #[test]
    fn what_it_says_is_one_short_line() {
        let reply = read(StatusCode::ACCEPTED, "a\r\nb\0".repeat(1_000).as_bytes());
        assert!(!reply.words.contains(char::is_control));
        assert!(reply.words.chars().count() < 400);
    }
}
