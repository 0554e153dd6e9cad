//! Delivery receipts: a deliver_sm that tells what became of a message (SMPP 3.4, 5.2.12
//! and appendix B).
//!
//! What a message centre writes into the text is its own affair; where it says the same in
//! optional parameters, those hold.

use domain::delivery::{Outcome, settings::MessageIds};
use rusmpp::{pdus::DeliverSm, tlvs::TlvValue, values::MessageState};

use crate::{reports::Said, words::one_line};

/// How much of a receipt is kept.
const WORDS: usize = 400;

/// What a deliver_sm tells of one of our messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What the message centre calls it, as reports write it.
    pub message_id: String,
    /// What became of it; nothing while it is on its way.
    pub said: Option<Said>,
}

/// Reads a receipt; nothing if it is none that can be understood.
pub fn read(deliver: &DeliverSm) -> Option<Receipt> {
    let text = String::from_utf8_lossy(deliver.short_message().as_ref()).into_owned();
    let mut message_id = field(&text, "id:").map(str::to_owned);
    let mut state = field(&text, "stat:").map(str::to_ascii_uppercase);
    for tlv in deliver.tlvs() {
        match tlv.value() {
            Some(TlvValue::ReceiptedMessageId(id)) if !id.is_empty() => {
                message_id = Some(id.as_str().to_owned());
            }
            Some(TlvValue::MessageState(known)) => state = Some(word(*known).to_owned()),
            _ => {}
        }
    }
    let message_id = message_id.filter(|id| !id.is_empty())?;
    let error = field(&text, "err:").unwrap_or_default();
    let said = said(state.as_deref()?, error);
    Some(Receipt {
        message_id: known_as(&message_id, MessageIds::Same),
        said,
    })
}

/// How an id that an answer gave is written in reports.
pub(super) fn known_as(message_id: &str, ids: MessageIds) -> String {
    let id = message_id.trim();
    let converted = match ids {
        MessageIds::Same => None,
        MessageIds::HexThenDecimal => u128::from_str_radix(id, 16).ok().map(|n| n.to_string()),
        MessageIds::DecimalThenHex => id.parse::<u128>().ok().map(|n| format!("{n:x}")),
    };
    let id = converted.unwrap_or_else(|| id.to_ascii_lowercase());
    // Zeros in front are written in one place and left out in another.
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

const fn word(state: MessageState) -> &'static str {
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

/// `ACCEPTD` is final by the letter (3.4, 5.2.28), but message centres say it of what they
/// are still to deliver: it is no proof.
fn said(state: &str, error: &str) -> Option<Said> {
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
    Some(Said {
        outcome,
        words: one_line(&words, WORDS),
    })
}

#[cfg(test)]
mod tests {
    use rusmpp::{
        tlvs::MessageDeliveryRequestTlvValue,
        types::{COctetString, OctetString},
    };

    use super::*;

    fn deliver(text: &str) -> DeliverSm {
        DeliverSm::builder()
            .short_message(OctetString::from_slice(text.as_bytes()).unwrap())
            .build()
    }

    fn receipt(text: &str) -> Option<Receipt> {
        read(&deliver(text))
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
        let mut deliver = deliver("id:1 stat:DELIVRD");
        let id = COctetString::from_slice(b"77\0").unwrap();
        deliver.push_tlv(MessageDeliveryRequestTlvValue::ReceiptedMessageId(id));
        let state = MessageState::Expired;
        deliver.push_tlv(MessageDeliveryRequestTlvValue::MessageState(state));
        let receipt = read(&deliver).unwrap();
        assert_eq!(receipt.message_id, "77");
        assert_eq!(receipt.said.unwrap().outcome, Outcome::Unanswered);
    }

    #[test]
    fn what_says_neither_which_nor_what_is_none() {
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
