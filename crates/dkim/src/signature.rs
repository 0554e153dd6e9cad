//! Signatures of the sender's domain (DKIM, RFC 6376; Ed25519 by RFC 8463), relaxed/relaxed.

use std::{borrow::Cow, mem::take, sync::Arc};

use aws_lc_rs::digest::{Context, Digest, SHA256};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};

use crate::DkimKey;

/// The header fields to sign. Those that a mail lacks are listed too, so that none can be added.
const FIELDS: [&str; 11] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "reply-to",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "auto-submitted",
];
/// The characters of a signature on one line: keys of 6,000 bits would pass the 998 that a line
/// may have (RFC 5322, 2.1.1).
const LINE: usize = 72;
const WHITESPACE: [char; 2] = [' ', '\t'];

/// Signs for one domain.
#[derive(Debug)]
pub struct Signer {
    domain: String,
    selector: String,
    key: Arc<DkimKey>,
}

impl Signer {
    /// Creates a signer with the key that the DNS has under this selector of the domain.
    pub fn new(domain: &str, selector: &str, key: Arc<DkimKey>) -> Self {
        Self {
            domain: domain.to_lowercase(),
            selector: selector.to_owned(),
            key,
        }
    }

    /// The signature of a mail in its wire format, before dots are doubled: a header field with
    /// its line break, to go in front. `None` if the key cannot sign.
    pub fn sign(&self, mail: &str, date: DateTime<Utc>) -> Option<String> {
        let (header, body) = mail.split_once("\r\n\r\n").unwrap_or((mail, ""));
        let mut field = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed; d={}; s={};\r\n\tt={}; bh={};\r\n\t\
             h={};\r\n\tb=",
            self.key.algorithm(),
            self.domain,
            self.selector,
            date.timestamp(),
            STANDARD.encode(body_hash(body)),
            FIELDS.join(":"),
        );
        let mut signed = signed_fields(header);
        // The signature covers its own field, with an empty value and no line break.
        signed.push_str(&relaxed_field(&field));
        let signature = STANDARD.encode(self.key.sign(signed.as_bytes())?);
        for (at, letter) in signature.chars().enumerate() {
            if at > 0 && at % LINE == 0 {
                field.push_str("\r\n\t");
            }
            field.push(letter);
        }
        field.push_str("\r\n");
        Some(field)
    }

    /// True if a domain is the signer's, or a subdomain of it.
    fn covers(&self, domain: &str) -> bool {
        domain
            .strip_suffix(&self.domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

/// The signer for an author's domain: the one with the longest domain that covers the author's. A
/// signature of an unrelated domain is not aligned, so receivers ignore it (RFC 7489, 3.1.1).
pub fn signer_of<'s>(signers: &'s [Signer], author: &str) -> Option<&'s Signer> {
    let domain = author.to_lowercase();
    let covering = signers.iter().filter(|signer| signer.covers(&domain));
    covering.max_by_key(|signer| signer.domain.len())
}

/// The fields to sign that a header has, in relaxed form, each with its line break.
fn signed_fields(header: &str) -> String {
    let present: Vec<String> = fields(header).into_iter().map(relaxed_field).collect();
    let named = |name: &&str| {
        let mut from_below = present.iter().rev();
        from_below.find(|field| field.split(':').next() == Some(name))
    };
    let signed = FIELDS.iter().filter_map(named);
    signed.flat_map(|field| [field, "\r\n"]).collect()
}

/// The fields of a header, which may go over several lines, without their last line break.
fn fields(header: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut start = 0;
    for (at, _) in header.match_indices("\r\n") {
        if !header[at + 2..].starts_with(WHITESPACE) {
            fields.push(&header[start..at]);
            start = at + 2;
        }
    }
    fields.push(&header[start..]);
    fields
}

/// A header field in relaxed form (RFC 6376, 3.4.2), without a line break.
fn relaxed_field(field: &str) -> String {
    let (name, value) = field.split_once(':').unwrap_or((field, ""));
    let value = value.replace("\r\n", "");
    let name = name.trim_end_matches(WHITESPACE).to_ascii_lowercase();
    format!("{name}:{}", single_spaced(value.trim_matches(WHITESPACE)))
}

/// The hash of a body in relaxed form (RFC 6376, 3.4.4): no space at the end of a line, and no
/// empty line at the end.
fn body_hash(body: &str) -> Digest {
    let mut hash = Context::new(&SHA256);
    let mut empty_lines = 0;
    for line in body.split("\r\n") {
        let line = line.trim_end_matches(WHITESPACE);
        if line.is_empty() {
            empty_lines += 1;
            continue;
        }
        for _ in 0..take(&mut empty_lines) {
            hash.update(b"\r\n");
        }
        hash.update(single_spaced(line).as_bytes());
        hash.update(b"\r\n");
    }
    hash.finish()
}

/// The text with each run of spaces and tabs as one space.
fn single_spaced(text: &str) -> Cow<'_, str> {
    if !text.contains('\t') && !text.contains("  ") {
        return Cow::Borrowed(text);
    }
    let mut spaced = String::with_capacity(text.len());
    for letter in text.chars() {
        if !WHITESPACE.contains(&letter) {
            spaced.push(letter);
        } else if !spaced.ends_with(' ') {
            spaced.push(' ');
        }
    }
    Cow::Owned(spaced)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::digest;

    use super::*;

    fn hashed(text: &str) -> Vec<u8> {
        digest(&SHA256, text.as_bytes()).as_ref().to_vec()
    }

    #[test]
    fn the_examples_of_the_standard_come_out_as_printed() {
        let header = "A: X\r\nB : Y\t\r\n\tZ  ";
        let relaxed: Vec<_> = fields(header).into_iter().map(relaxed_field).collect();
        assert_eq!(relaxed, ["a:X", "b:Y Z"]);
        let body = body_hash(" C \r\nD \t E\r\n\r\n\r\n");
        assert_eq!(body.as_ref(), hashed(" C\r\nD E\r\n"));
    }

    #[test]
    fn an_empty_body_is_empty_and_any_other_ends_its_last_line() {
        for empty in ["", "\r\n", " \r\n\t\r\n\r\n"] {
            assert_eq!(body_hash(empty).as_ref(), hashed(""), "{empty:?}");
        }
        for open in ["a\r\n\r\nb", "a \r\n \r\nb\r\n\r\n"] {
            assert_eq!(body_hash(open).as_ref(), hashed("a\r\n\r\nb\r\n"));
        }
    }

    #[test]
    fn of_a_field_that_is_there_twice_the_lower_one_is_signed() {
        let header = "From: a\r\nX-Other: b\r\nfrom: c\r\nDate: d";
        assert_eq!(signed_fields(header), "from:c\r\ndate:d\r\n");
    }
}
