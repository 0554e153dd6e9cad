//! Mobile-originated SMS: an inbound short message from the query of Kannel's `get-url`.
//!
//! Kannel's configuration defines the query; the documented one is
//! `from=%p&to=%P&coding=%c&charset=%C&data=%b&udh=%u&id=%I`.

use std::collections::HashMap;

use domain::{Id, delivery::Provider, outreach::sms::Encoding};
use percent_encoding::percent_decode_str;

use crate::{
    inbox::{InboundSms, Part},
    words::one_line,
};

/// The most bytes of data: more than any message has, in any encoding.
const MAX_TEXT_BYTES: usize = 4_096;

/// The most characters of an address or an id. Control characters are removed, since the
/// database takes no NUL.
const WORDS: usize = 100;

/// Reads an inbound SMS from a query.
///
/// # Errors
/// The parameter that is missing or malformed.
pub fn read(provider: Id<Provider>, query: &str) -> Result<InboundSms, String> {
    let values = values(query);
    let bytes = |name: &str| values.get(name).map_or(&[][..], Vec::as_slice);
    let text = |name: &str| {
        let value = std::str::from_utf8(bytes(name)).ok();
        value.map(|value| one_line(value, WORDS))
    };
    let needed = |name: &str| {
        let value = text(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("{name} is required"))
    };
    let data = values.get("data").ok_or("data is required")?;
    if data.len() > MAX_TEXT_BYTES {
        return Err(format!("data has more than {MAX_TEXT_BYTES} bytes"));
    }
    let coding = text("coding").unwrap_or_default();
    let charset = text("charset").unwrap_or_default();
    let (encoding, octets) = match coding.as_str() {
        "1" => (Encoding::Binary, data.clone()),
        "2" => (Encoding::Unicode, utf16(data, &charset, "UTF-16BE")?),
        "" | "0" => (Encoding::Unicode, utf16(data, &charset, "UTF-8")?),
        _ => return Err("coding must be 0, 1 or 2".to_owned()),
    };
    Ok(InboundSms {
        provider,
        source: text("from").unwrap_or_default(),
        destination: needed("to")?,
        encoding,
        octets,
        // The first octet is the header's length.
        part: bytes("udh").get(1..).and_then(Part::of_header),
        name: text("id").filter(|id| !id.is_empty()),
    })
}

/// The decoded fields of a query, as bytes: they need not be UTF-8.
fn values(query: &str) -> HashMap<String, Vec<u8>> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).collect::<Vec<u8>>();
    let fields = query.split('&').filter_map(|field| field.split_once('='));
    fields
        .map(|(name, value)| (name.to_owned(), decoded(value)))
        .collect()
}

/// Converts a text from its charset to UTF-16. `GSM` is Kannel's label of a text that it has
/// converted already, so the usual charset is used for it.
fn utf16(data: &[u8], charset: &str, usual: &str) -> Result<Vec<u8>, String> {
    let label = match charset {
        "" | "GSM" | "gsm" => usual,
        "UTF-16" | "UCS-2" | "UCS2" => "UTF-16BE",
        label => label,
    };
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes())
        .ok_or_else(|| "charset is none that is known here".to_owned())?;
    let (text, _) = encoding.decode_without_bom_handling(data);
    Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect())
}

#[cfg(test)]
mod tests {
    use domain::outreach::sms::text_of;

    use super::*;

    fn said(query: &str) -> Option<String> {
        let query = format!("from=%2B4930&to=123&{query}");
        let short = read(Id::new(7), &query).unwrap();
        text_of(&short.octets, short.encoding)
    }

    #[test]
    fn the_text_is_read_in_its_coding_and_charset() {
        for (query, text) in [
            ("data=Gr%C3%BC%C3%9Fe+%E2%82%AC", Some("Grüße €")),
            ("data=hi&coding=0&charset=GSM", Some("hi")),
            ("data=%E9&coding=0&charset=WINDOWS-1252", Some("é")),
            (
                "data=%06E%D8%3D%DE%00&coding=2&charset=UTF-16BE",
                Some("م😀"),
            ),
            ("data=%06E&coding=2", Some("م")),
            ("data=%00%FF&coding=1", None),
            ("data=", Some("")),
            ("data=%FF", Some("\u{fffd}")),
        ] {
            assert_eq!(said(query).as_deref(), text, "{query}");
        }
    }

    #[test]
    fn a_part_and_a_name_are_found() {
        let query = "from=a&to=1&data=x&udh=%05%00%03%07%02%01&id=abc-1";
        let short = read(Id::new(7), query).unwrap();
        assert_eq!(short.part, Part::new(7, 2, 1));
        assert_eq!(short.name.as_deref(), Some("abc-1"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (query, reason) in [
            ("", "data"),
            ("from=1&data=x", "to"),
            ("from=1&to=&data=x", "to"),
            ("to=1&data=x&coding=9", "coding"),
            ("to=1&data=x&charset=klingon", "charset"),
        ] {
            let error = read(Id::new(7), query).unwrap_err();
            assert!(error.starts_with(reason), "{query}: {error}");
        }
        let long = format!("to=1&data={}", "x".repeat(MAX_TEXT_BYTES + 1));
        assert!(read(Id::new(7), &long).is_err());
    }
}
