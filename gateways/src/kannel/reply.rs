//! Classifies the responses of sendsms and of other HTTP services.

use domain::delivery::{
    Outcome,
    settings::{HttpTemplate, Success},
};
use hyper::StatusCode;

use super::connection::HttpResponse;
use crate::words::one_line;

/// The most characters of a response that are kept.
const MAX_REPLY: usize = 100;

/// A classified response, or the lack of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// `Delivered` if the message was accepted, else the outcome of the refusal.
    pub outcome: Outcome,
    /// The status and the text of the response, on one line.
    pub words: String,
    /// The service's id of the message, if it named one.
    pub message_id: Option<String>,
    /// True if there was a response.
    pub answered: bool,
}

impl Reply {
    /// The reply for an attempt without a response.
    pub fn new(outcome: Outcome, words: impl Into<String>) -> Self {
        Self {
            outcome,
            words: words.into(),
            message_id: None,
            answered: false,
        }
    }

    /// The reply for a message of which `taken` parts were accepted before this refusal: nothing
    /// of it is sent again.
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

/// Classifies a response: Kannel's, or another service's by its template.
pub(super) fn read(answer: &HttpResponse, template: Option<&HttpTemplate>) -> Reply {
    match template {
        None => of_kannel(answer.status, answer.body.as_deref().unwrap_or_default()),
        Some(template) => of_service(answer, template.success.as_ref()),
    }
}

/// Classifies a response of Kannel's sendsms, and keeps its text.
fn of_kannel(status: StatusCode, body: &[u8]) -> Reply {
    let text = one_line(&String::from_utf8_lossy(body), MAX_REPLY);
    let words = format!("{} {text}", status.as_u16());
    answered(outcome(status, &text), words.trim())
}

/// Classifies a response of another service. Only the id that `success` matches is kept of its
/// text: a template can request any page of any host, which it must not disclose.
fn of_service(answer: &HttpResponse, success: Option<&Success>) -> Reply {
    let body = String::from_utf8_lossy(answer.body.as_deref().unwrap_or_default());
    let code = answer.status.as_u16();
    let outcome = outcome(answer.status, &body);
    let Some(success) = success.filter(|_| outcome == Outcome::Delivered) else {
        return answered(outcome, answer.status.to_string());
    };
    if answer.body.is_none() {
        return Reply::new(Outcome::Unknown, format!("{code}: the answer broke off"));
    }
    let Some(id) = success.matches(&body) else {
        let words = format!("{code}: the answer does not match `success`");
        return answered(Outcome::Rejected, words);
    };
    let id = id.map(|id| one_line(&id, MAX_REPLY));
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
        ..Reply::new(outcome, words)
    }
}

/// The outcome of a status. Kannel answers 202 to an accepted message, whether it is sent at
/// once (`0:`) or waits for a connection (`3:`).
fn outcome(status: StatusCode, text: &str) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::Delivered,
        // Our credentials are refused, not the message.
        401 | 403 if text.starts_with("Authorization failed") => Outcome::Unavailable,
        401 | 407 => Outcome::Unavailable,
        408 | 429 => Outcome::Unavailable,
        400..=499 => Outcome::Rejected,
        503 => Outcome::Unavailable,
        // A proxy in front of it may have lost the response to an accepted message.
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
        assert!(reply.words.chars().count() <= MAX_REPLY + "202 ".len());
    }

    fn of_template(status: u16, body: &str, success: Option<&str>) -> Reply {
        let mut settings = json!({"url_template": "/?to={to}&text={text}"});
        settings["success"] = json!(success);
        let settings = HttpSettings::parse(settings.as_object().unwrap()).unwrap();
        let answer = HttpResponse {
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
