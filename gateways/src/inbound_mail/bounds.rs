//! Bounds on the cost of parsing a mail, checked before the parser gets it.
//!
//! mail-parser keeps every field and part, and scans some of them more than once: each
//! continuation of a parameter (RFC 2231) is compared with all parameters of its field and
//! copied with the text before it, and for each encoded word (RFC 2047) without an end the
//! rest of its field is searched. One pass over the mail computes an upper bound of that cost.
//! A mail beyond a bound is not parsed. Only fields whose values are used are parsed.

use mail_parser::{HeaderName, MessageParser};

/// The most places where a part may begin: pairs of dashes.
const DASHES: usize = 250_000;
/// The most lines that may be fields.
const LINES: usize = 100_000;
/// The most bytes of fields that are parsed, in the mail and all its parts together.
const BYTES: usize = 1 << 20;
/// The most bytes to scan for parameters and encoded words: for each field its length, times
/// the number of places where one of them may begin in it.
const STEPS: usize = 1 << 27;

/// The fields that are parsed, each with true if it has parameters.
const PARSED: [(&[u8], bool); 4] = [
    (b"content-type", true),
    (b"content-disposition", true),
    (b"from", false),
    (b"subject", false),
];

/// A parser for mails, and parts of them, that are within bounds.
pub(super) fn parser() -> MessageParser {
    MessageParser::new()
        .header_address(HeaderName::From)
        .header_text(HeaderName::Subject)
        .header_content_type(HeaderName::ContentType)
        .header_content_type(HeaderName::ContentDisposition)
        .header_raw(HeaderName::ContentTransferEncoding)
        .default_header_ignore()
}

/// A parser that finds fields and leaves their values as they are.
pub(super) fn raw_parser() -> MessageParser {
    MessageParser::new()
        // Without any field of its own it would parse all of them.
        .ignore_header(HeaderName::From)
        .default_header_ignore()
}

/// True if parsing the mail takes time and memory in proportion to its length.
pub(super) fn is_within_bounds(mail: &[u8]) -> bool {
    Cost::measure(mail).is_within_bounds()
}

/// The lines of a mail, each with its continuation lines (RFC 5322, 2.2.3), and their offsets.
pub(super) fn unfolded(mail: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = mail.get(start..).filter(|rest| !rest.is_empty())?;
        let ends =
            |at: &usize| rest[*at] == b'\n' && !matches!(rest.get(at + 1), Some(b' ' | b'\t'));
        let end = (0..rest.len()).find(ends).map_or(rest.len(), |end| end + 1);
        let line = (start, &rest[..end]);
        start += end;
        Some(line)
    })
}

/// True if the text before a colon ends with this field name, in any case. White space in the
/// name is ignored, as by the parser.
pub(super) fn ends_with_name(before_colon: &[u8], name: &[u8]) -> bool {
    let letters = before_colon.iter().rev();
    let mut letters = letters.filter(|byte| !byte.is_ascii_whitespace());
    let mut next = || letters.next().map(u8::to_ascii_lowercase);
    name.iter().rev().all(|letter| next() == Some(*letter))
}

/// The positions of the colons of a line.
pub(super) fn colons(line: &[u8]) -> impl Iterator<Item = usize> {
    let bytes = line.iter().enumerate();
    bytes.filter_map(|(at, byte)| (*byte == b':').then_some(at))
}

/// The cost of parsing a mail, in the units of the bounds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Cost {
    dashes: usize,
    lines: usize,
    bytes: usize,
    steps: usize,
}

impl Cost {
    /// Computes the cost, up to where a bound is exceeded.
    fn measure(mail: &[u8]) -> Self {
        let mut cost = Self::default();
        let mut in_head = true;
        for (_, field) in unfolded(mail) {
            let mut is_field = false;
            for line in field.split_inclusive(|byte| *byte == b'\n') {
                let dashes = pairs_of_dashes(line);
                cost.dashes += dashes;
                // A part may begin at two dashes, and has fields until a blank line.
                in_head |= dashes > 0;
                in_head &= !is_blank(line);
                cost.lines += usize::from(in_head);
                is_field |= in_head;
            }
            if is_field {
                cost.add(field);
            }
            if !cost.is_within_bounds() {
                break;
            }
        }
        cost
    }

    /// Adds the cost of a line that may be a field.
    fn add(&mut self, line: &[u8]) {
        let (mut value, mut has_parameters) = (None, false);
        for at in colons(line) {
            let is_named = |(name, _): &&(&[u8], bool)| ends_with_name(&line[..at], name);
            if let Some((_, parameters)) = PARSED.iter().find(is_named) {
                value.get_or_insert(at + 1);
                has_parameters |= parameters;
            }
        }
        let Some(value) = value.and_then(|at| line.get(at..)) else {
            return;
        };
        let begins = if has_parameters {
            // Every encoded word begins with an equals sign, too.
            value.iter().filter(|byte| b"='".contains(byte)).count()
        } else {
            value.windows(2).filter(|two| two == b"=?").count()
        };
        self.bytes = self.bytes.saturating_add(value.len());
        self.steps = self.steps.saturating_add(value.len() * begins);
    }

    fn is_within_bounds(&self) -> bool {
        self.dashes <= DASHES && self.lines <= LINES && self.bytes <= BYTES && self.steps <= STEPS
    }
}

fn pairs_of_dashes(line: &[u8]) -> usize {
    let (mut pairs, mut is_second) = (0, false);
    for byte in line {
        let is_pair = *byte == b'-' && is_second;
        pairs += usize::from(is_pair);
        // Three dashes are one pair.
        is_second = *byte == b'-' && !is_pair;
    }
    pairs
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(mail: &str) -> Cost {
        Cost::measure(mail.as_bytes())
    }

    fn is_within_bounds(mail: &str) -> bool {
        super::is_within_bounds(mail.as_bytes())
    }

    #[test]
    fn parameters_count_as_often_as_they_may_begin() {
        let field = "Content-Type: a/b; c*1=d; e*2='f'g\r\n";
        let value = field.len() - "Content-Type:".len();
        let cost = cost(&format!("{field}\r\n"));
        assert_eq!((cost.bytes, cost.steps), (value, value * 4));
    }

    #[test]
    fn encoded_words_count_as_often_as_they_may_begin() {
        for name in ["From:", "Subject:", "su\tbject :"] {
            let value = " =?a?q?b=20c?= =?d\r\n =?\r\n";
            let cost = cost(&format!("To: x\r\n{name}{value}Date: y\r\n\r\n"));
            assert_eq!((cost.bytes, cost.steps), (value.len(), value.len() * 3));
        }
    }

    #[test]
    fn fields_of_parts_count_and_what_is_in_parts_does_not() {
        let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        let part = "--b\r\nContent-Disposition: x; filename=y\r\n\r\nSubject: =?\r\n";
        let (head_cost, both) = (cost(head), cost(&format!("{head}{part}")));
        let value = " x; filename=y\r\n".len();
        assert_eq!(both.bytes - head_cost.bytes, value);
        assert_eq!(both.steps - head_cost.steps, value);
        assert_eq!((both.dashes, both.lines), (1, 3));
    }

    #[test]
    fn a_field_behind_a_boundary_in_a_line_counts() {
        let cost = cost("\r\nx --bContent-Type:a;b=c\r\n");
        assert_eq!((cost.bytes, cost.steps), (7, 7));
    }

    #[test]
    fn many_parameters_are_out_of_bounds() {
        let with = |count: usize| {
            let parameters: String = (0..count).map(|at| format!(";\r\n a*{at}=b")).collect();
            format!("Subject: x\r\nContent-Type: text/plain{parameters}\r\n\r\nx")
        };
        assert!(is_within_bounds(&with(1_000)));
        assert!(!is_within_bounds(&with(10_000)));
    }

    #[test]
    fn many_encoded_words_are_out_of_bounds() {
        for name in ["Subject", "From", "Content-Type", "Content-Disposition"] {
            let with = |count: usize| format!("{name}: {}\r\n\r\n", "=?ab?q?x ".repeat(count));
            assert!(is_within_bounds(&with(1_000)), "{name}");
            assert!(!is_within_bounds(&with(20_000)), "{name}");
        }
    }

    #[test]
    fn many_lines_bytes_and_parts_are_out_of_bounds() {
        for mail in [
            "a:\r\n".repeat(LINES + 1),
            format!("From: {}\r\n\r\n", "a,".repeat(BYTES / 2)),
            "Subject: aaaaaaaa\r\n".repeat(BYTES / 10),
            "--b\n\n".repeat(DASHES + 1),
            "-".repeat(2 * DASHES + 2),
        ] {
            assert!(!is_within_bounds(&mail), "{}", &mail[..20]);
        }
    }

    #[test]
    fn fields_that_are_not_parsed_may_be_long() {
        let references = "<a@b.example> ".repeat(200_000);
        let folded = "\r\n c".repeat(LINES - 10);
        for mail in [
            format!("References: {references}\r\nSubject: x\r\n\r\n"),
            format!("To: {}\r\n\r\n", "=?ab?q?x ".repeat(200_000)),
            format!("X-Comment: {folded}\r\n\r\n"),
            format!("Subject: a\r\n\r\n{}", "a: b\r\n".repeat(2 * LINES)),
        ] {
            assert!(is_within_bounds(&mail), "{}", &mail[..20]);
        }
    }

    #[test]
    fn lines_end_where_nothing_is_folded_onto_them() {
        let lines: Vec<_> = unfolded(b"a\r\n b\n\tc\nd\n\ne").collect();
        let expected: [(usize, &[u8]); 4] =
            [(0, b"a\r\n b\n\tc\n"), (9, b"d\n"), (11, b"\n"), (12, b"e")];
        assert_eq!(lines, expected);
    }
}
