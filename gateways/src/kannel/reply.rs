//! What sendsms answers, and other services.

use domain::delivery::{Outcome, settings::Success};
use hyper::StatusCode;

use super::connection::Answer;
use crate::words::one_line;

/// How much of an answer is kept.
const WORDS: usize = 300;
/// How much of the id that a service gives.
const ID: usize = 100;

/// An answer, classified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// Whether it was taken, or why not.
    pub outcome: Outcome,
    /// On one line, with the status before it.
    pub words: String,
    /// What the other side calls the message, if it says so.
    pub message_id: Option<String>,
    /// Whether it is an answer, and not the lack of one.
    pub answered: bool,
}

impl Reply {
    /// What is known without an answer.
    pub fn of(outcome: Outcome, words: impl Into<String>) -> Self {
        Self {
            outcome,
            words: words.into(),
            message_id: None,
            answered: false,
        }
    }

    /// The same of a message of which so many parts were taken before: nothing of it is
    /// sent again.
    pub fn after(self, taken: usize, count: usize) -> Self {
        let outcome = match self.outcome {
            Outcome::Unknown => Outcome::Unknown,
            _ => Outcome::Rejected,
        };
        let words = format!("after {taken} of {count} parts were taken: {}", self.words);
        Self {
            outcome,
            words,
            ..self
        }
    }
}

/// Reads an answer by what its provider says that success looks like, or as Kannel's.
pub(super) fn read(answer: &Answer, success: Option<&Success>) -> Reply {
    // Where no pattern asks for more the status line says it all; the rest is for people.
    let body = answer.body.as_deref().unwrap_or_default();
    let reply = of_kannel(answer.status, body);
    let Some(success) = success.filter(|_| reply.outcome == Outcome::Delivered) else {
        return reply;
    };
    if answer.body.is_none() {
        let words = format!("{}: the answer broke off", answer.status.as_u16());
        return Reply::of(Outcome::Unknown, words);
    }
    match success.matches(&String::from_utf8_lossy(body)) {
        None => Reply {
            outcome: Outcome::Rejected,
            ..reply
        },
        Some(id) => {
            let id = id.map(|id| one_line(&id, ID));
            let message_id = id.filter(|id| !id.is_empty());
            Reply {
                message_id,
                ..reply
            }
        }
    }
}

/// Kannel takes what it answers 202 to, be it that it goes out at once (`0:`) or waits for
/// a connection (`3:`).
fn of_kannel(status: StatusCode, body: &[u8]) -> Reply {
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
    let words = format!("{} {text}", status.as_u16());
    Reply {
        answered: true,
        ..Reply::of(outcome, words.trim())
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
            let reply = of_kannel(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            assert_eq!(reply.outcome, outcome, "{status} {body}");
            assert!(reply.words.starts_with(&status.to_string()));
        }
    }

    #[test]
    fn what_it_says_is_one_short_line() {
        let reply = of_kannel(StatusCode::ACCEPTED, "a\r\nb\0".repeat(1_000).as_bytes());
        assert!(!reply.words.contains(char::is_control));
        assert!(reply.words.chars().count() < 400);
    }
}
