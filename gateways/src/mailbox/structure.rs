//! Mails that would cost more to read than anybody's mail is worth, and those of which a
//! part has to be left shut.
//!
//! mail-parser opens mails in mails, each within the one around it, and looks through all
//! that follows for each boundary. Of a mail that somebody made for that, the first exhausts
//! the stack or the memory and the second the processor. So enclosed mails stay shut: nobody
//! looks into them here, they are files like others. And what has more boundaries, parts or
//! fields than [`is_intricate`] allows is not taken apart.

use std::{borrow::Cow, ops::Range};

use mail_parser::ContentType;

/// The most multiparts of a mail, each of which may be looked for to its end.
const MULTIPARTS: usize = 250;
/// The most places where a part may begin, two dashes each.
const DASHES: usize = 250_000;
/// The most lines where fields may be.
const FIELDS: usize = 100_000;

/// Subtypes that are opened, and what stands for them when they are to stay shut: as long,
/// and with an octet at the end that no mail has there, so that they are found again.
const SHUT: [(&str, &str); 3] = [
    ("rfc822", "rfc82\x1a"),
    ("global", "globa\x1a"),
    ("digest", "diges\x1a"),
];

/// The mail with everything in it shut; nothing if it should not be taken apart.
pub(super) fn shut(mail: &[u8]) -> Option<Cow<'_, [u8]>> {
    if is_intricate(mail) {
        return None;
    }
    let mut shut = Cow::Borrowed(mail);
    let mut multiparts = 0;
    for value in content_types(mail) {
        let text = mail[value.clone()].to_ascii_lowercase();
        let is_multipart = text.windows(9).any(|word| word == b"multipart");
        multiparts += usize::from(is_multipart);
        if multiparts > MULTIPARTS {
            return None;
        }
        // Wherever they stand: comments and quotes are read in more than one way.
        for (open, shut_word) in SHUT {
            for at in words(&text, open.as_bytes()) {
                let at = value.start + at;
                shut.to_mut()[at..at + open.len()].copy_from_slice(shut_word.as_bytes());
            }
        }
    }
    Some(shut)
}

/// The subtype that a part came with, also if it was shut.
pub(super) fn subtype_of<'t>(kind: &'t ContentType<'_>) -> Option<&'t str> {
    let subtype = kind.subtype()?;
    let was = SHUT.iter().find(|(_, shut)| *shut == subtype);
    Some(was.map_or(subtype, |(open, _)| open))
}

/// A name or a text as it was, where words of it were shut.
pub(super) fn reopened(text: &str) -> Cow<'_, str> {
    if !text.contains('\x1a') {
        return Cow::Borrowed(text);
    }
    let reopen = |text: String, (open, shut): (&str, &str)| text.replace(shut, open);
    Cow::Owned(SHUT.into_iter().fold(text.to_owned(), reopen))
}

/// The same of a file.
pub(super) fn reopen(file: &mut [u8]) {
    for at in 0..file.len() {
        if file[at] != 0x1a {
            continue;
        }
        for (open, shut) in SHUT {
            let word = (at + 1).checked_sub(shut.len()).map(|start| start..=at);
            if let Some(word) = word.and_then(|word| file.get_mut(word))
                && word == shut.as_bytes()
            {
                word.copy_from_slice(open.as_bytes());
            }
        }
    }
}

/// The head of a mail, as far as it is one that can be read.
pub(super) fn head(mail: &[u8]) -> &[u8] {
    const MOST: usize = 64 << 10;
    let head = &mail[..mail.len().min(MOST)];
    let end = head.windows(4).position(|four| four == b"\r\n\r\n");
    &head[..end.map_or(head.len(), |end| end + 4)]
}

/// Whether it has more parts or fields than a mail that somebody wrote. A part may begin at
/// two dashes, and has fields until a blank line.
fn is_intricate(mail: &[u8]) -> bool {
    let (mut dashes, mut fields) = (0, 0);
    let (mut in_head, mut last, mut is_blank) = (true, 0, true);
    for &byte in mail {
        match byte {
            b'-' if last == b'-' => {
                dashes += 1;
                in_head = true;
                is_blank = false;
                // Three dashes are one and two.
                last = 0;
                continue;
            }
            b'\n' => {
                in_head &= !is_blank;
                fields += usize::from(in_head);
                is_blank = true;
            }
            b'\r' => {}
            _ => is_blank = false,
        }
        last = byte;
    }
    dashes > DASHES || fields > FIELDS
}

/// Where the values of Content-Type fields may be, with the lines that they go on in. Their
/// names may have white space in them, which mail-parser does not see.
fn content_types(mail: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let colons = mail.iter().enumerate().filter(|(_, byte)| **byte == b':');
    let values = colons.filter(|(at, _)| is_content_type(&mail[..*at]));
    values.map(|(at, _)| {
        let rest = &mail[at + 1..];
        let ends =
            |at: &usize| rest[*at] == b'\n' && !matches!(rest.get(at + 1), Some(b' ' | b'\t'));
        let end = (0..rest.len()).find(ends).unwrap_or(rest.len());
        at + 1..at + 1 + end
    })
}

/// Whether a name that ends here is Content-Type.
fn is_content_type(mail: &[u8]) -> bool {
    const NAME: &[u8] = b"content-type";
    let letters = mail.iter().rev().filter(|byte| !byte.is_ascii_whitespace());
    let mut letters = letters.map(u8::to_ascii_lowercase);
    NAME.iter()
        .rev()
        .all(|letter| letters.next() == Some(*letter))
}

/// Where this stands as a word of its own.
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
    fn a_mail_in_a_mail_stays_shut_however_its_type_is_written() {
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
            let shut = shut(&mail).unwrap();
            let mail = MessageParser::default().parse(&*shut).unwrap();
            let opened =
                |it: &mail_parser::MessagePart<'_>| matches!(it.body, PartType::Message(_));
            assert!(!mail.parts.iter().any(opened), "{header:?}");
        }
        let digest =
            b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\na: b\r\n\r\nx\r\n--b--";
        let shut = shut(digest).unwrap();
        let mail = MessageParser::default().parse(&*shut).unwrap();
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
            let shut = shut(&mail).unwrap();
            assert!(MessageParser::default().parse(&*shut).is_some());
        }
    }

    #[test]
    fn a_type_that_was_shut_is_known_as_what_it_was() {
        let mail = b"Content-Type: message/rfc822; name=\"global plan; rfc822\"\r\n\r\nx";
        let shut = shut(mail).unwrap();
        let mail = MessageParser::default().parse(&*shut).unwrap();
        let kind = mail.parts[0].content_type().unwrap();
        assert_eq!(subtype_of(kind), Some("rfc822"));
        let name = kind.attribute("name").unwrap();
        assert_eq!(reopened(name), "global plan; rfc822");
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
            let shut = shut(mail.as_bytes()).unwrap();
            assert!(matches!(shut, Cow::Borrowed(_)), "{mail}");
        }
    }

    #[test]
    fn what_is_made_to_be_expensive_is_not_taken_apart() {
        let boundaries =
            "--b\r\nContent-Type:multipart/x;boundary=q\r\n\r\n".repeat(MULTIPARTS + 1);
        let fields = "a:\r\n".repeat(FIELDS + 1);
        let parts = "--b\n\n".repeat(DASHES + 1);
        let dashes = "-".repeat(2 * DASHES + 2);
        for mail in [boundaries, fields, parts, dashes] {
            assert!(shut(mail.as_bytes()).is_none(), "{}", &mail[..20]);
        }
        let lines = format!("Subject: a\r\n\r\n{}", "a: b\r\n".repeat(2 * FIELDS));
        assert!(shut(lines.as_bytes()).is_some());
    }
}
