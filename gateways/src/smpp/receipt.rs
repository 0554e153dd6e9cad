//! Delivery receipts: a deliver_sm with the outcome of a message (SMPP 3.4, 5.2.12 and
//! appendix B).
//!
//! The format of the text is vendor specific, so optional parameters take precedence over it,
//! except for the id where notations differ: the parameter has the id as the response to the
//! submission did (5.3.2.12), the text has it in the notation of receipts.

use domain::delivery::{Outcome, settings::MessageIds};
use rusmpp::values::MessageState;

use super::pdu::Deliver;
use crate::{reports::ReportedOutcome, words::one_line};

/// The most characters of a receipt's text that are kept.
const MAX_TEXT: usize = 400;

/// A parsed delivery receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The message centre's id of the message, in the notation of receipts.
    pub message_id: String,
    /// The outcome; `None` while the message is on its way.
    pub said: Option<ReportedOutcome>,
}

/// Parses a receipt; `None` if it has no id or no state.
pub fn read(deliver: &Deliver, ids: MessageIds) -> Option<Receipt> {
    let text = String::from_utf8_lossy(&deliver.octets);
    let written = field(&text, "id:").filter(|id| !id.is_empty());
    let written = written.map(|id| known_as(id, MessageIds::Same));
    let named = deliver.message_id.as_deref().map(|id| known_as(id, ids));
    let message_id = match ids {
        MessageIds::Same => named.or(written),
        MessageIds::HexThenDecimal | MessageIds::DecimalThenHex => written.or(named),
    };
    let state = match deliver.message_state {
        Some(state) => as_str(MessageState::from(state)).to_owned(),
        None => field(&text, "stat:")?.to_ascii_uppercase(),
    };
    let error = field(&text, "err:").unwrap_or_default();
    Some(Receipt {
        message_id: message_id.filter(|id| !id.is_empty())?,
        said: said(&state, error),
    })
}

/// Converts an id from a response to the notation of receipts.
pub(super) fn known_as(message_id: &str, ids: MessageIds) -> String {
    let id = message_id.trim();
    let converted = match ids {
        MessageIds::Same => None,
        MessageIds::HexThenDecimal => u128::from_str_radix(id, 16).ok().map(|n| n.to_string()),
        MessageIds::DecimalThenHex => id.parse::<u128>().ok().map(|n| format!("{n:x}")),
    };
    let id = converted.unwrap_or_else(|| id.to_ascii_lowercase());
    // Leading zeros are written in one place and left out in another.
    match id.trim_start_matches('0') {
        "" => id,
        short => short.to_owned(),
    }
}

/// A field of the text, up to the next space.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let places = text.match_indices(name);
    let mut starts = places.filter(|(at, _)| *at == 0 || text[..*at].ends_with(' '));
    let (at, _) = starts.next()?;
    let value = &text[at + name.len()..];
    Some(value.split([' ', '\0', '\r', '\n']).next().unwrap_or(value))
}

const fn as_str(state: MessageState) -> &'static str {
    match state {
        MessageState::Delivered => "DELIVRD",
        MessageState::Expired => "EXPIRED",
        MessageState::Deleted => "DELETED",
        MessageState::Undeliverable => "UNDELIV",
        MessageState::Accepted => "ACCEPTD",
        MessageState::Unknown => "UNKNOWN",
        MessageState::Rejected => "REJECTD",
        MessageState::Skipped => "SKIPPED",
        _ => "ENROUTE",
    }
}

/// The outcome of a state, if it is final. `ACCEPTD` is final by the specification (3.4,
/// 5.2.28), but message centres report it of messages that they are still to deliver.
fn said(state: &str, error: &str) -> Option<ReportedOutcome> {
    let outcome = match state {
        "DELIVRD" => Outcome::Delivered,
        "EXPIRED" => Outcome::Unanswered,
        "UNDELIV" | "REJECTD" | "DELETED" | "SKIPPED" => Outcome::Rejected,
        "UNKNOWN" => Outcome::Unknown,
        _ => return None,
    };
    let words = match error.trim_start_matches('0') {
        "" => state.to_owned(),
        _ => format!("{state} err:{error}"),
    };
    Some(ReportedOutcome {
        outcome,
        words: one_line(&words, MAX_TEXT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deliver(text: &str) -> Deliver {
        Deliver {
            octets: text.to_owned().into(),
            ..Deliver::default()
        }
    }

    fn receipt(text: &str) -> Option<Receipt> {
        read(&deliver(text), MessageIds::Same)
    }

    #[test]
    fn the_text_says_which_and_what() {
        let text = "id:00A1b2 sub:001 dlvrd:001 submit date:2611270551 \
                    done date:2611270552 stat:UNDELIV err:069 text:Hello id:7 stat:DELIVRD";
        let receipt = receipt(text).unwrap();
        assert_eq!(receipt.message_id, "a1b2");
        let said = receipt.said.unwrap();
        assert_eq!(said.outcome, Outcome::Rejected);
        assert_eq!(said.words, "UNDELIV err:069");
    }

    #[test]
    fn every_final_state_has_its_outcome() {
        for (state, outcome) in [
            ("DELIVRD", Some(Outcome::Delivered)),
            ("delivrd", Some(Outcome::Delivered)),
            ("ACCEPTD", None),
            ("EXPIRED", Some(Outcome::Unanswered)),
            ("UNDELIV", Some(Outcome::Rejected)),
            ("REJECTD", Some(Outcome::Rejected)),
            ("DELETED", Some(Outcome::Rejected)),
            ("UNKNOWN", Some(Outcome::Unknown)),
            ("ENROUTE", None),
        ] {
            let receipt = receipt(&format!("id:7 stat:{state} err:000")).unwrap();
            assert_eq!(receipt.said.map(|said| said.outcome), outcome, "{state}");
        }
    }

    #[test]
    fn parameters_count_for_more_than_the_text() {
        let deliver = Deliver {
            message_id: Some("77".to_owned()),
            message_state: Some(3),
            ..deliver("id:1 stat:DELIVRD")
        };
        let receipt = read(&deliver, MessageIds::Same).unwrap();
        assert_eq!(receipt.message_id, "77");
        assert_eq!(receipt.said.unwrap().outcome, Outcome::Unanswered);
    }

    #[test]
    fn where_notations_differ_the_text_has_the_one_of_reports() {
        let named = |text: &str| Deliver {
            message_id: Some("FF".to_owned()),
            ..deliver(text)
        };
        let id = |text| {
            let receipt = read(&named(text), MessageIds::HexThenDecimal);
            receipt.unwrap().message_id
        };
        assert_eq!(id("id:255 stat:DELIVRD"), "255");
        assert_eq!(id("stat:DELIVRD"), "255");
    }

    #[test]
    fn a_receipt_without_id_and_state_is_none() {
        for text in [
            "",
            "hello",
            "id: stat:DELIVRD",
            "id:7",
            "stat:DELIVRD",
            "xid:7 stat:X",
        ] {
            assert_eq!(receipt(text), None, "{text}");
        }
    }

    #[test]
    fn ids_are_found_in_the_notation_of_reports() {
        for (id, ids, known) in [
            ("00Ab", MessageIds::Same, "ab"),
            ("000", MessageIds::Same, "000"),
            ("FF", MessageIds::HexThenDecimal, "255"),
            ("255", MessageIds::DecimalThenHex, "ff"),
            ("no number", MessageIds::HexThenDecimal, "no number"),
        ] {
            assert_eq!(known_as(id, ids), known);
        }
    }
}
