//! Neutralises nested MIME: mails that are not split into parts, and parts that are not opened.
//!
//! mail-parser parses enclosed mails recursively, and searches all that follows for each
//! boundary. In a hostile mail the first exhausts the stack or the memory, and the second the
//! processor. So enclosed mails are neutralised: they become files like others. And a mail
//! that is out of [`bounds`](super::bounds), or has too many multiparts, is not split.

use std::{borrow::Cow, ops::Range};

use mail_parser::ContentType;

use super::bounds::{colons, ends_with_name, is_within_bounds, unfolded};

/// The most multiparts of a mail.
const MULTIPARTS: usize = 250;
/// The most bytes to search for their boundaries: each search may go to the end of the mail.
const SOUGHT: usize = 1 << 30;

/// Subtypes that the parser opens, and their neutral replacements: of equal length, and with
/// an octet at the end that no mail has there, so that they can be restored.
const NEUTRAL: [(&str, &str); 3] = [
    ("rfc822", "rfc82\x1a"),
    ("global", "globa\x1a"),
    ("digest", "diges\x1a"),
];

/// The mail with its enclosed mails neutralised; `None` if it must not be split into parts.
pub(super) fn neutralise(mail: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !is_within_bounds(mail) {
        return None;
    }
    let mut neutralised = Cow::Borrowed(mail);
    let mut multiparts = 0;
    for value in content_types(mail) {
        let text = mail[value.clone()].to_ascii_lowercase();
        let is_multipart = text.windows(9).any(|word| word == b"multipart");
        multiparts += usize::from(is_multipart);
        if multiparts > MULTIPARTS || multiparts * mail.len() > SOUGHT {
            return None;
        }
        // An encoded boundary may hold line breaks, after which fields would begin unseen.
        if is_multipart && has_encoded_boundary(&text) {
            return None;
        }
        // At any place in the value: parsers differ in how they read comments and quotes.
        for (open, neutral) in NEUTRAL {
            for at in words(&text, open.as_bytes()) {
                let at = value.start + at;
                neutralised.to_mut()[at..at + open.len()].copy_from_slice(neutral.as_bytes());
            }
        }
    }
    Some(neutralised)
}

/// The original subtype of a part, also if it was neutralised.
pub(super) fn subtype_of<'t>(kind: &'t ContentType<'_>) -> Option<&'t str> {
    let subtype = kind.subtype()?;
    let was = NEUTRAL.iter().find(|(_, neutral)| *neutral == subtype);
    Some(was.map_or(subtype, |(open, _)| open))
}

/// Restores the words that were neutralised in a name or a text.
pub(super) fn restored(text: &str) -> Cow<'_, str> {
    if !text.contains('\x1a') {
        return Cow::Borrowed(text);
    }
    let restore = |text: String, (open, neutral): (&str, &str)| text.replace(neutral, open);
    Cow::Owned(NEUTRAL.into_iter().fold(text.to_owned(), restore))
}

/// Restores the words that were neutralised in a file.
pub(super) fn restore_bytes(file: &mut [u8]) {
    for at in 0..file.len() {
        if file[at] != 0x1a {
            continue;
        }
        for (open, neutral) in NEUTRAL {
            let word = (at + 1).checked_sub(neutral.len()).map(|start| start..=at);
            if let Some(word) = word.and_then(|word| file.get_mut(word))
                && word == neutral.as_bytes()
            {
                word.copy_from_slice(open.as_bytes());
            }
        }
    }
}

/// The header of a mail, at most 64 KiB of it.
pub(super) fn head(mail: &[u8]) -> &[u8] {
    const MAX_HEADER: usize = 64 << 10;
    let head = &mail[..mail.len().min(MAX_HEADER)];
    let end = head.windows(4).position(|four| four == b"\r\n\r\n");
    &head[..end.map_or(head.len(), |end| end + 4)]
}

/// The ranges of what may be values of Content-Type fields, with their continuation lines.
fn content_types(mail: &[u8]) -> impl Iterator<Item = Range<usize>> {
    unfolded(mail).filter_map(|(start, line)| {
        let is_content_type = |at: &usize| ends_with_name(&line[..*at], b"content-type");
        let colon = colons(line).find(is_content_type)?;
        Some(start + colon + 1..start + line.len())
    })
}

/// True if a boundary may be encoded, as a parameter (RFC 2231) or a word (RFC 2047).
fn has_encoded_boundary(value: &[u8]) -> bool {
    const NAME: &[u8] = b"boundary";
    let places = value.windows(NAME.len()).enumerate();
    let mut ends = places.filter_map(|(at, found)| (found == NAME).then_some(at + NAME.len()));
    let Some(first) = ends.next() else {
        return false;
    };
    let is_parameter = |end: usize| value[end..].trim_ascii_start().starts_with(b"*");
    let has_word = value[first..].windows(2).any(|two| two == b"=?");
    has_word || is_parameter(first) || ends.any(is_parameter)
}

/// The positions at which `word` occurs as a whole word.
fn words<'t>(text: &'t [u8], word: &'t [u8]) -> impl Iterator<Item = usize> + 't {
    let of_word = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"-._+".contains(byte))
    };
    let places = text.windows(word.len()).enumerate();
    places.filter_map(move |(at, found)| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let is_word = found == word && !of_word(before) && !of_word(text.get(at + word.len()));
        is_word.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders, PartType};

    use super::*;

    fn nested(levels: usize, header: &str) -> Vec<u8> {
        let mut mail = header.repeat(levels).into_bytes();
        mail.extend(b"a: b\r\n\r\nx");
        mail
    }

    #[test]
    fn a_mail_in_a_mail_is_not_opened_however_its_type_is_written() {
        for header in [
            "Content-Type: message/rfc822\r\n\r\n",
            "content-type:MESSAGE/RFC822\r\n\r\n",
            "Content-Type: message/global; x=y\r\n\r\n",
            "Content-Type:\r\n message/rfc822\r\n\r\n",
            "Content-Type: message / rfc822\r\n\r\n",
            "Content-Type: message/(a;b) rfc822 (c)\r\n\r\n",
            "Content-Type: (/;) message/rfc822\r\n\r\n",
            "Content-Type: (\"\\)) message/rfc822; x=\"\r\n\r\n",
            "Content- Type: message/rfc822\r\n\r\n",
            "Con \t tent-Type : message/rfc822\r\n\r\n",
            "Content-Type: message/\"rfc822\"\r\n\r\n",
        ] {
            let mail = nested(3, header);
            let neutral = neutralise(&mail).unwrap();
            let mail = MessageParser::default().parse(&*neutral).unwrap();
            let opened =
                |it: &mail_parser::MessagePart<'_>| matches!(it.body, PartType::Message(_));
            assert!(!mail.parts.iter().any(opened), "{header:?}");
        }
        let digest =
            b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\na: b\r\n\r\nx\r\n--b--";
        let neutral = neutralise(digest).unwrap();
        let mail = MessageParser::default().parse(&*neutral).unwrap();
        assert!(
            !mail
                .parts
                .iter()
                .any(|it| matches!(it.body, PartType::Message(_)))
        );
    }

    #[test]
    fn ten_thousands_of_levels_are_survived() {
        for header in [
            "Content-Type:message/rfc822\r\n\r\n",
            "Content- Type:message/rfc822\r\n\r\n",
        ] {
            let mail = nested(200_000, header);
            let neutral = neutralise(&mail).unwrap();
            assert!(MessageParser::default().parse(&*neutral).is_some());
        }
    }

    #[test]
    fn a_neutralised_type_is_known_as_what_it_was() {
        let mail = b"Content-Type: message/rfc822; name=\"global plan; rfc822\"\r\n\r\nx";
        let neutral = neutralise(mail).unwrap();
        let mail = MessageParser::default().parse(&*neutral).unwrap();
        let kind = mail.parts[0].content_type().unwrap();
        assert_eq!(subtype_of(kind), Some("rfc822"));
        let name = kind.attribute("name").unwrap();
        assert_eq!(restored(name), "global plan; rfc822");
    }

    #[test]
    fn what_is_not_opened_is_left_as_it_is() {
        for mail in [
            "Content-Type: message/delivery-status\r\n\r\nx",
            "Content-Type: message/global-delivery-status\r\n\r\nx",
            "Content-Type: text/rfc822-headers\r\n\r\nx",
            "Content-Type: text/plain; name=rfc822.txt\r\n\r\nmessage/rfc822",
            "Subject: content-type",
            "",
        ] {
            let neutral = neutralise(mail.as_bytes()).unwrap();
            assert!(matches!(neutral, Cow::Borrowed(_)), "{mail}");
        }
    }

    #[test]
    fn an_expensive_mail_is_not_parsed() {
        let boundaries =
            "--b\r\nContent-Type:multipart/x;boundary=q\r\n\r\n".repeat(MULTIPARTS + 1);
        let long = "Content-Type:multipart/x;boundary=q\r\n\r\n".repeat(50) + &"x".repeat(25 << 20);
        let fields = "a:\r\n".repeat(200_000);
        let star = "Content-Type: multipart/x; boundary *0*=''%0A%0A\r\n\r\n".to_owned();
        let word = "Content-Type: multipart/x; boundary==?utf-8?q?=0A=0A?=\r\n\r\n".to_owned();
        for mail in [boundaries, long, fields, star, word] {
            assert!(neutralise(mail.as_bytes()).is_none(), "{}", &mail[..20]);
        }
    }

    #[test]
    fn types_on_one_line_are_one_value() {
        let line = "Content-Type: message/rfc822;".repeat(1_000);
        assert_eq!(content_types(line.as_bytes()).count(), 1);
        let neutral = neutralise(line.as_bytes()).unwrap();
        assert!(!neutral.windows(6).any(|word| word == b"rfc822"));
    }
}
