//! Reads delivery reports of Kannel and of other services.

use domain::delivery::Outcome;

use crate::{reports::ReportedOutcome, words::one_line};

/// The bit of `status`: delivered to the handset.
const SUCCESS: u32 = 1;
/// The bit of `status`: not delivered, finally.
const FAILURE: u32 = 2;
/// The bit of `status`: rejected by the message centre.
const REJECTED: u32 = 16;
/// The bit of `status` beside a failure: the validity period ended.
const EXPIRED: u32 = 32;
/// The most characters of a message centre's text that are kept.
const WORDS: usize = 400;

/// Reads a report: `status` is a bit mask (`%d`) or a word, `answer` the message centre's text
/// (`%A`). `None` while the message is on its way: buffered (4), acknowledged (8).
///
/// # Errors
/// If the status is invalid.
pub fn read(status: &str, answer: &str) -> Result<Option<ReportedOutcome>, &'static str> {
    if status.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return in_a_word(status, answer);
    }
    let digits = status.bytes().all(|byte| byte.is_ascii_digit());
    let bits: u32 = match status.parse() {
        Ok(bits) if digits && bits != 0 => bits,
        _ => return Err("status must be a number above 0"),
    };
    let expired = bits & EXPIRED != 0 || answer.to_ascii_uppercase().contains("STAT:EXPIRED");
    let (outcome, what) = match bits {
        _ if bits & SUCCESS != 0 => (Outcome::Delivered, "delivered"),
        _ if bits & REJECTED != 0 => (Outcome::Rejected, "rejected by the message centre"),
        _ if bits & FAILURE != 0 && expired => (Outcome::Unanswered, "not delivered in time"),
        _ if bits & FAILURE != 0 => (Outcome::Rejected, "not delivered"),
        _ => return Ok(None),
    };
    Ok(Some(ReportedOutcome {
        outcome,
        words: words(what, answer),
    }))
}

/// Reads a status in words, of services other than Kannel: the states of SMPP (3.4, 5.2.28),
/// or plain words.
fn in_a_word(status: &str, answer: &str) -> Result<Option<ReportedOutcome>, &'static str> {
    let (outcome, what) = match status.to_ascii_uppercase().as_str() {
        "DELIVRD" | "DELIVERED" => (Outcome::Delivered, "delivered"),
        "REJECTD" | "REJECTED" => (Outcome::Rejected, "rejected by the message centre"),
        "UNDELIV" | "UNDELIVERED" | "FAILED" | "DELETED" | "SKIPPED" => {
            (Outcome::Rejected, "not delivered")
        }
        "UNKNOWN" => (Outcome::Unknown, "nobody can tell"),
        "EXPIRED" => (Outcome::Unanswered, "not delivered in time"),
        "ENROUTE" | "ACCEPTD" | "ACCEPTED" | "QUEUED" | "SENT" | "BUFFERED" => return Ok(None),
        _ => return Err("status must be a number above 0, or a word such as delivered"),
    };
    Ok(Some(ReportedOutcome {
        outcome,
        words: words(what, answer),
    }))
}

fn words(what: &str, answer: &str) -> String {
    match one_line(answer, WORDS).as_str() {
        "" => what.to_owned(),
        said => format!("{what}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: &str, answer: &str) -> Option<Outcome> {
        read(status, answer).unwrap().map(|said| said.outcome)
    }

    #[test]
    fn bits_are_tested_not_compared() {
        assert_eq!(outcome("1", ""), Some(Outcome::Delivered));
        assert_eq!(outcome("9", ""), Some(Outcome::Delivered));
        assert_eq!(outcome("2", ""), Some(Outcome::Rejected));
        assert_eq!(outcome("34", ""), Some(Outcome::Unanswered));
        assert_eq!(
            outcome("2", "stat:EXPIRED err:001"),
            Some(Outcome::Unanswered)
        );
        assert_eq!(outcome("16", ""), Some(Outcome::Rejected));
        for on_its_way in ["4", "8", "12", "32"] {
            assert_eq!(outcome(on_its_way, ""), None, "{on_its_way}");
        }
    }

    #[test]
    fn words_mean_the_same_in_any_case() {
        for (status, expected) in [
            ("delivered", Some(Outcome::Delivered)),
            ("DELIVRD", Some(Outcome::Delivered)),
            ("Failed", Some(Outcome::Rejected)),
            ("UNDELIV", Some(Outcome::Rejected)),
            ("REJECTD", Some(Outcome::Rejected)),
            ("expired", Some(Outcome::Unanswered)),
            ("UNKNOWN", Some(Outcome::Unknown)),
            ("sent", None),
        ] {
            assert_eq!(outcome(status, ""), expected, "{status}");
        }
    }

    #[test]
    fn what_was_said_is_kept_on_one_line_and_short() {
        let said = read("2", "stat:UNDELIV\r\nerr:0").unwrap().unwrap();
        assert_eq!(said.words, "not delivered: stat:UNDELIV err:0");
        let said = read("2", &"x".repeat(10_000)).unwrap().unwrap();
        assert!(said.words.len() < 500);
    }

    #[test]
    fn what_is_no_report_is_refused() {
        for status in ["", "0", "-1", "+1", "1.0", "x", "99999999999"] {
            assert!(read(status, "").is_err(), "{status}");
        }
    }
}
