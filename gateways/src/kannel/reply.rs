//! What sendsms answers, and other services.

use domain::delivery::{
    Outcome,
    settings::{HttpTemplate, Success},
};
use hyper::StatusCode;

use super::connection::Answer;
use crate::words::one_line;

/// The most characters of an answer that are kept.
const WORDS: usize = 100;

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

/// Reads an answer: as Kannel's, or of another service as its template says.
pub(super) fn read(answer: &Answer, template: Option<&HttpTemplate>) -> Reply {
    match template {
        None => of_kannel(answer.status, answer.body.as_deref().unwrap_or_default()),
        Some(template) => of_service(answer, template.success.as_ref()),
    }
}

/// The answer of Kannel's sending page, in its words.
fn of_kannel(status: StatusCode, body: &[u8]) -> Reply {
    let text = one_line(&String::from_utf8_lossy(body), WORDS);
    let words = format!("{} {text}", status.as_u16());
    answered(outcome(status, &text), words.trim())
}

/// The answer of another service. Of its words only the id that `success` finds is kept: a
/// template can ask any page of any host, which must not be read by it.
fn of_service(answer: &Answer, success: Option<&Success>) -> Reply {
    let body = String::from_utf8_lossy(answer.body.as_deref().unwrap_or_default());
    let code = answer.status.as_u16();
    let outcome = outcome(answer.status, &body);
    let Some(success) = success.filter(|_| outcome == Outcome::Delivered) else {
        return answered(outcome, answer.status.to_string());
    };
    if answer.body.is_none() {
        return Reply::of(Outcome::Unknown, format!("{code}: the answer broke off"));
    }
    let Some(id) = success.matches(&body) else {
        let words = format!("{code}: the answer does not match `success`");
        return answered(Outcome::Rejected, words);
    };
    let id = id.map(|id| one_line(&id, WORDS));
    let message_id = id.filter(|id| !id.is_empty());
    let words = match &message_id {
        Some(id) => format!("{code} {id}"),
        None => answer.status.to_string(),
    };
    Reply {
        message_id,
        ..answered(outcome, words)
    }
}

fn answered(outcome: Outcome, words: impl Into<String>) -> Reply {
    Reply {
        answered: true,
        ..Reply::of(outcome, words)
    }
}

/// Kannel takes what it answers 202 to, be it that it goes out at once (`0:`) or waits for
/// a connection (`3:`).
fn outcome(status: StatusCode, text: &str) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::Delivered,
        // It is this installation that is not let in, not the message that is refused.
        401 | 403 if text.starts_with("Authorization failed") => Outcome::Unavailable,
        401 | 407 => Outcome::Unavailable,
        408 | 429 => Outcome::Unavailable,
        400..=499 => Outcome::Rejected,
        503 => Outcome::Unavailable,
        // What stands before it may have lost the answer to what was taken.
        _ => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use domain::delivery::settings::HttpSettings;
    use serde_json::json;

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
        assert!(reply.words.chars().count() <= WORDS + "202 ".len());
    }

    fn of_template(status: u16, body: &str, success: Option<&str>) -> Reply {
        let mut settings = json!({"url_template": "/?to={to}&text={text}"});
        settings["success"] = json!(success);
        let settings = HttpSettings::parse(settings.as_object().unwrap()).unwrap();
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            body: Some(body.to_owned().into()),
        };
        read(&answer, settings.template.as_ref())
    }

    #[test]
    fn of_a_service_only_what_success_matched_is_told() {
        let page = format!("id=7 {}secret", "x".repeat(200));
        for (status, success, words) in [
            (200, Some("id=([0-9]+)"), "200 7"),
            (200, Some("id="), "200 OK"),
            (
                200,
                Some("none"),
                "200: the answer does not match `success`",
            ),
            (200, None, "200 OK"),
            (404, Some("id=([0-9]+)"), "404 Not Found"),
            (500, None, "500 Internal Server Error"),
        ] {
            assert_eq!(of_template(status, &page, success).words, words);
        }
        let all = of_template(200, &page, Some("(.*)"));
        assert_eq!(all.words.chars().count(), "200 ".len() + 100);
        assert_eq!(all.message_id.unwrap().chars().count(), 100);
    }
}
