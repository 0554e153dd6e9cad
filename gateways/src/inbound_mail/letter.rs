//! Parses inbound mails: their text, HTML, author and files.

use domain::delivery::Message;
use mail_parser::MimeHeaders;

use super::{bounds, guarded::guarded, structure};
use crate::words::one_line;

/// The most bytes of a text that are kept in the message; the original has all of it.
const TEXT: usize = 1 << 20;
/// The most files that are extracted from a mail.
const FILES: usize = 100;
/// The most characters of a header's text.
const MAX_TEXT: usize = 998;
/// The most characters of a file's name or media type.
const NAME: usize = 200;

/// A parsed mail and the files in it.
#[derive(Debug, Default)]
pub struct Letter {
    /// The message, without its files.
    pub message: Message,
    /// The files.
    pub files: Vec<File>,
}

/// A file in a mail.
#[derive(Debug)]
pub struct File {
    /// The name.
    pub name: String,
    /// The media type, by its first bytes or else as declared.
    pub media_type: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Parses a mail. Bytes that cannot be parsed become a message with all of them as text.
pub fn read(bytes: &[u8]) -> Letter {
    guarded(|| parsed(bytes)).unwrap_or_else(|| Letter {
        message: Message {
            text: Some(cut(&String::from_utf8_lossy(bytes))),
            ..Message::default()
        },
        files: Vec::new(),
    })
}

fn parsed(bytes: &[u8]) -> Option<Letter> {
    let Some(neutral) = structure::neutralise(bytes) else {
        return Some(not_taken_apart(bytes));
    };
    let mail = bounds::parser().parse(&*neutral)?;
    let message = Message {
        text: mail.body_text(0).map(|text| cut(&text)),
        // For a mail of text only the parser would generate HTML.
        html: (mail.html_body_count() > 0
            && mail.html_part(0).is_some_and(|part| part.is_text_html()))
        .then(|| mail.body_html(0).map(|html| cut(&html)))
        .flatten(),
        ..headed(&mail)
    };
    let files = mail
        .attachments()
        .take(FILES)
        .enumerate()
        .map(|(at, part)| {
            let mut bytes = part.contents().to_vec();
            structure::restore_bytes(&mut bytes);
            let said = part
                .content_type()
                .map(|kind| match structure::subtype_of(kind) {
                    Some(subtype) => format!("{}/{subtype}", kind.ctype()).to_lowercase(),
                    None => kind.ctype().to_lowercase(),
                });
            let sniffed = infer::get(&bytes).map(|kind| kind.mime_type().to_owned());
            File {
                name: part
                    .attachment_name()
                    .and_then(|name| file_name(&structure::restored(name)))
                    .unwrap_or_else(|| format!("attachment-{}", at + 1)),
                media_type: sniffed
                    .or(said)
                    .map(|kind| one_line(&kind, NAME))
                    .unwrap_or_else(|| "application/octet-stream".to_owned()),
                bytes,
            }
        });
    Some(Letter {
        message,
        files: files.collect(),
    })
}

/// A mail that is not split into parts: all of it as text, with its author and subject, unless
/// its header is out of bounds by itself.
fn not_taken_apart(bytes: &[u8]) -> Letter {
    metrics::counter!("ledgerline_mails_not_taken_apart_total").increment(1);
    let head = Some(structure::head(bytes)).filter(|head| bounds::is_within_bounds(head));
    let head = head.and_then(|head| bounds::parser().parse_headers(head));
    let message = Message {
        text: Some(cut(&String::from_utf8_lossy(bytes))),
        ..head.as_ref().map(headed).unwrap_or_default()
    };
    let files = Vec::new();
    Letter { message, files }
}

fn headed(mail: &mail_parser::Message<'_>) -> Message {
    let named = |text: Option<&str>| {
        text.map(|text| one_line(text, MAX_TEXT))
            .filter(|it| !it.is_empty())
    };
    let from = mail.from().and_then(|from| from.first());
    Message {
        sender: named(from.and_then(|from| from.name())),
        source: named(from.and_then(|from| from.address())),
        subject: named(mail.subject()),
        ..Message::default()
    }
}

/// The last component of a path, as a file name.
fn file_name(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next()?;
    let name = one_line(name, NAME);
    let name = name.trim_matches(['.', ' ']);
    (!name.is_empty()).then(|| name.to_owned())
}

fn cut(text: &str) -> String {
    let text = structure::restored(text);
    let mut end = text.len().min(TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_read_with_its_text_and_its_files() {
        let mail = b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.com>\r\nSubject: Hello\r\n\
            MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
            Content-Type: multipart/alternative; boundary=y\r\n\r\n--y\r\n\
            Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
            Gr\xfc\xdfe\r\n--y\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n--y--\r\n--x\r\n\
            Content-Type: application/octet-stream\r\n\
            Content-Disposition: attachment; filename=\"../../a.pdf\"\r\n\r\n%PDF-1.4\r\n--x--\r\n";
        let Letter { message, files } = read(mail);
        assert_eq!(message.sender.as_deref(), Some("Jürgen"));
        assert_eq!(message.source.as_deref(), Some("j@example.com"));
        assert_eq!(message.subject.as_deref(), Some("Hello"));
        assert_eq!(message.text.as_deref().map(str::trim), Some("Grüße"));
        assert_eq!(message.html.as_deref().map(str::trim), Some("<p>Hi</p>"));
        let [file] = &files[..] else {
            panic!("{files:?}");
        };
        assert_eq!(
            (file.name.as_str(), file.media_type.as_str()),
            ("a.pdf", "application/pdf")
        );
        assert!(file.bytes.starts_with(b"%PDF-1.4"));
    }

    #[test]
    fn an_enclosed_mail_is_a_file_as_it_came() {
        let enclosed = "Subject: inner\r\nContent-Type: multipart/digest; boundary=z\r\n\r\n--z--";
        let quoted = "See Content-Type: message/rfc822 and global warming.";
        let mail = format!(
            "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\n{quoted}\r\n--x\r\n\
             Content-Type: message/rfc822; name=\"global plan.eml\"\r\n\r\n{enclosed}\r\n--x--\r\n"
        );
        let Letter { message, files } = read(mail.as_bytes());
        assert_eq!(message.text.as_deref().map(str::trim), Some(quoted));
        let [file] = &files[..] else {
            panic!("{files:?}");
        };
        assert_eq!(file.name, "global plan.eml");
        assert_eq!(file.media_type, "message/rfc822");
        assert_eq!(String::from_utf8_lossy(&file.bytes).trim(), enclosed);
    }

    #[test]
    fn a_mail_of_text_only_has_no_html() {
        let letter = read(b"From: a@example.com\r\n\r\nhello\r\n");
        assert_eq!(letter.message.text.as_deref().map(str::trim), Some("hello"));
        assert_eq!(letter.message.html, None);
    }

    #[test]
    fn a_mail_out_of_bounds_is_kept_as_text_with_its_head() {
        let parameters: String = (0..20_000).map(|at| format!(";a{at}*1=b")).collect();
        let part = format!("--b\r\nContent-Type: text/plain{parameters}\r\n\r\nx\r\n--b--\r\n");
        let head = "From: a@example.com\r\nSubject: Hello\r\n\
            Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        let Letter { message, files } = read(format!("{head}{part}").as_bytes());
        assert_eq!(message.source.as_deref(), Some("a@example.com"));
        assert_eq!(message.subject.as_deref(), Some("Hello"));
        assert!(
            message
                .text
                .is_some_and(|text| text.contains(";a19999*1=b"))
        );
        assert!(files.is_empty());
    }

    #[test]
    fn a_head_out_of_bounds_is_text_and_not_parsed() {
        let subject = "=?ab?q?x ".repeat(20_000);
        let mail = format!("From: a@example.com\r\nSubject: {subject}\r\n\r\nhello");
        let Letter { message, .. } = read(mail.as_bytes());
        assert_eq!((message.source, message.subject), (None, None));
        assert!(message.text.is_some_and(|text| text.ends_with("hello")));
    }

    #[test]
    fn what_is_no_mail_is_read_all_the_same() {
        for bytes in [&b""[..], b"\0\xff", b"\r\n", b"From", b": \r\n: \r\n"] {
            read(bytes);
        }
        let mut nested = Vec::new();
        for level in 0..200 {
            nested.extend(
                format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
                    .bytes(),
            );
        }
        read(&nested);
    }
}
