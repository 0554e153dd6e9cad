//! The machine-readable part of a report (`multipart/report`, RFC 6522): fields in a part of a
//! type of its own.

use mail_parser::{ContentType, Message, MimeHeaders};

use super::structure::subtype_of;

/// The most bytes that are read of such a part.
const MAX_REPORT_BYTES: usize = 64 << 10;

/// The fields of the first part of type `message` and one of these subtypes: their names in
/// lower case, and their values on one line.
pub(super) fn fields_of(mail: &Message<'_>, subtypes: &[&str]) -> Option<Vec<(String, String)>> {
    let part = mail.parts.iter().find(|part| {
        let is_any = |kind| subtypes.iter().any(|subtype| is(kind, "message", subtype));
        part.content_type().is_some_and(is_any)
    })?;
    let bytes = part.contents();
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_REPORT_BYTES)]);
    Some(fields(&text))
}

/// True if a content type is this one.
pub(super) fn is(kind: &ContentType<'_>, wanted: &str, subtype: &str) -> bool {
    let own = subtype_of(kind).unwrap_or_default();
    kind.ctype().eq_ignore_ascii_case(wanted) && own.eq_ignore_ascii_case(subtype)
}

fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.starts_with([' ', '\t']), fields.last_mut()) {
            (true, Some((_, value))) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            _ => {
                if let Some((name, value)) = line.split_once(':') {
                    let name = name.trim().to_ascii_lowercase();
                    fields.push((name, value.trim().to_owned()));
                }
            }
        }
    }
    fields
}
