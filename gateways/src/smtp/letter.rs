//! Composes an email in its wire format, with its envelope.

use chrono::{DateTime, Utc};
use dkim::{Signer, signer_of};
use domain::{
    Id,
    delivery::{MailSenders, Spool},
    people::in_ascii,
};
use lettre::{
    Address, Message,
    message::{
        Attachment, Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};

use super::{config::Unsubscribe, verp::Verp};
use crate::email::{self, Email};

/// The most characters of a subject: as many as fit a header line even where it cannot be
/// folded (RFC 5322 section 2.1.1).
const SUBJECT: usize = 500;
/// The most characters of a display name or a file name, for that reason, too.
const NAME: usize = 200;
/// Characters that mail programs show as, or like, the one of an address: the last three are its
/// fullwidth, small and tag forms.
const AT_SIGNS: [char; 4] = ['@', '\u{ff20}', '\u{fe6b}', '\u{e0040}'];

/// A mail ready to be sent.
#[derive(Debug)]
pub(super) struct Letter {
    /// The envelope sender, which bounces come back to.
    pub sender: Address,
    /// The envelope recipient.
    pub recipient: Address,
    /// Header, body and the dot that ends them; dots at line starts doubled.
    pub wire: String,
    /// True if the server must offer SMTPUTF8.
    pub international: bool,
}

/// The settings of a provider that apply to all of its mails.
#[derive(Debug)]
pub(super) struct Letterhead {
    pub verp: Verp,
    pub from_domain: String,
    pub verp_domain: String,
    pub senders: MailSenders,
    pub signers: Vec<Signer>,
}

/// The author fields of a mail: From and Reply-To.
struct Author {
    from: Mailbox,
    reply_to: Option<Mailbox>,
}

impl Letterhead {
    /// Composes the mail of this attempt. An error is permanent: an address that cannot be used,
    /// or a content that cannot be written.
    pub fn write(
        &self,
        spool: Id<Spool>,
        destination: &str,
        email: &Email,
        date: DateTime<Utc>,
        unsubscribe: Option<Unsubscribe>,
    ) -> Result<Letter, String> {
        let recipient = address(destination, "the recipient's address")?;
        let sender = address(
            &format!("{}@{}", self.verp.return_path(spool), self.verp_domain),
            "the return path",
        )?;
        let Author { from, reply_to } = self.author(email)?;
        let author = from.email.clone();
        let mut builder = Message::builder()
            .message_id(Some(self.verp.message_id(spool, &self.from_domain)))
            .date(date.into())
            .from(from);
        if let Some(reply_to) = reply_to {
            builder = builder.reply_to(reply_to);
        }
        let builder = builder
            .to(Mailbox::new(
                name(email.to_name.as_deref()),
                recipient.clone(),
            ))
            // Mail programs would decode text that looks like an encoded word.
            .subject(line(&email.subject, SUBJECT).replace("=?", "= ?"));
        let parts = (html(email), email.attachments.is_empty());
        let message = match parts {
            (None, true) => builder.singlepart(plain(email)),
            (Some(html), true) => builder.multipart(alternative(email, html)),
            (Some(html), false) if email.attachments.iter().all(|file| is_inline(email, file)) => {
                builder.multipart(alternative(email, html))
            }
            (html, false) => {
                let mixed = match html {
                    None => MultiPart::mixed().singlepart(plain(email)),
                    Some(html) => MultiPart::mixed().multipart(alternative(email, html)),
                };
                let attached = email.attachments.iter();
                let attached = attached.filter(|file| !is_inline(email, file));
                let attached = attached.map(|file| attachment(file, None));
                builder.multipart(attached.fold(mixed, MultiPart::singlepart))
            }
        };
        let mut message =
            message.map_err(|error| format!("the mail cannot be written: {error}"))?;
        if let Some(unsubscribe) = unsubscribe {
            let mut say = |name, value| {
                let name = HeaderName::new_from_ascii_str(name);
                let header = HeaderValue::new(name, value);
                message.headers_mut().insert_raw(header);
            };
            say("List-Unsubscribe", format!("<{}>", unsubscribe.url));
            if unsubscribe.one_click {
                let words = "List-Unsubscribe=One-Click".to_owned();
                say("List-Unsubscribe-Post", words);
            }
        }
        let mut text = String::from_utf8(message.formatted())
            .map_err(|_| "the mail cannot be written: it is not text".to_owned())?;
        if let Some(signer) = signer_of(&self.signers, author.domain()) {
            let signature = signer.sign(&text, date);
            text.insert_str(0, &signature.ok_or("the mail cannot be signed")?);
        }
        Ok(Letter {
            sender,
            recipient,
            international: !text.is_ascii(),
            wire: wire(&text),
        })
    }

    /// The author: the account, if it may be, else the provider's default sender with the
    /// account's address as Reply-To.
    fn author(&self, email: &Email) -> Result<Author, String> {
        let author = self.senders.author(email.from.as_ref())?;
        let named = email.from_name.as_deref();
        // A mail program may show the name alone: beside an address that is not the account's
        // own, the name must not look like an address.
        let is_own = email.from.is_some() && author.reply_to.is_none();
        let named = named.filter(|name| is_own || !name.contains(AT_SIGNS));
        let from = address(author.from, "the sender's address")?;
        let reply_to = author
            .reply_to
            .map(|text| address(text, "the account's address"));
        Ok(Author {
            from: Mailbox::new(name(named), from),
            reply_to: reply_to.transpose()?.map(|it| Mailbox::new(None, it)),
        })
    }
}

/// The message as sent after DATA, dot-stuffed (RFC 5321 section 4.5.2). It has no lone CR or
/// LF: bodies are normalised here and attachments are base64.
fn wire(text: &str) -> String {
    let mut wire = text.replace("\r\n.", "\r\n..");
    if !wire.ends_with("\r\n") {
        wire.push_str("\r\n");
    }
    wire.push_str(".\r\n");
    wire
}

/// Parses an address that can be written into an SMTP command as it is.
///
/// The domain is converted to ASCII: then a server need not support international addresses
/// (RFC 6531), unless the local part needs them.
fn address(text: &str, whose: &str) -> Result<Address, String> {
    let text = &*in_ascii(text).unwrap_or_else(|| text.to_owned());
    let breaks = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>');
    text.parse::<Address>()
        .ok()
        .filter(|_| !text.contains(breaks))
        .ok_or_else(|| format!("{whose} is not one that mail can be sent with"))
}

fn html(email: &Email) -> Option<SinglePart> {
    let html = email.html.as_deref()?;
    Some(
        SinglePart::builder()
            .header(ContentType::TEXT_HTML)
            .body(normalised(html)),
    )
}

fn plain(email: &Email) -> SinglePart {
    SinglePart::builder()
        .header(ContentType::TEXT_PLAIN)
        .body(normalised(&email.text))
}

/// The alternative of the text and the HTML, with the images that the HTML shows (RFC 2387).
fn alternative(email: &Email, html: SinglePart) -> MultiPart {
    let shown: Vec<_> = email
        .attachments
        .iter()
        .filter(|file| is_inline(email, file))
        .map(|file| attachment(file, content_id(file)))
        .collect();
    let alternative = MultiPart::alternative().singlepart(plain(email));
    if shown.is_empty() {
        alternative.singlepart(html)
    } else {
        let related = MultiPart::related().singlepart(html);
        alternative.multipart(shown.into_iter().fold(related, MultiPart::singlepart))
    }
}

/// True if the HTML shows the file, by `cid:` and its name (RFC 2392).
fn is_inline(email: &Email, file: &email::Attachment) -> bool {
    let named = content_id(file).zip(email.html.as_deref());
    named.is_some_and(|(name, html)| {
        html.match_indices("cid:").any(|(at, _)| {
            let rest = html[at + 4..].strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.starts_with(['"', '\'', ')', ' ', '>']))
        })
    })
}

/// The Content-ID of a file: its name, if that is a valid id.
fn content_id(file: &email::Attachment) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_@".contains(c);
    let name = &file.file_name;
    let named = !name.is_empty() && name.len() <= NAME && name.chars().all(fits);
    named.then(|| name.clone())
}

/// Converts every line break to CRLF, which also spares lettre inserting them one by one,
/// and removes NUL.
fn normalised(text: &str) -> String {
    let mut normal = String::with_capacity(text.len() + text.len() / 16);
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n', '\0']) {
        normal.push_str(&rest[..at]);
        rest = match rest.as_bytes()[at] {
            b'\0' => &rest[at + 1..],
            b'\r' if rest[at + 1..].starts_with('\n') => {
                normal.push_str("\r\n");
                &rest[at + 2..]
            }
            _ => {
                normal.push_str("\r\n");
                &rest[at + 1..]
            }
        };
    }
    normal.push_str(rest);
    normal
}

fn attachment(file: &email::Attachment, shown_as: Option<String>) -> SinglePart {
    let file_name = line(&file.file_name, NAME).replace(['/', '\\', '"'], "_");
    let file_name = if file_name.is_empty() {
        "attachment".to_owned()
    } else {
        file_name
    };
    // A multipart or message type promises a structure that base64 may not carry.
    let content_type = ContentType::parse(&file.content_type)
        .ok()
        .filter(|_| file.content_type.is_ascii() && file.content_type.len() <= NAME)
        .filter(|_| !file.content_type.starts_with("multipart/"))
        .filter(|_| !file.content_type.starts_with("message/"));
    let body = Body::new_with_encoding(file.content.to_vec(), ContentTransferEncoding::Base64);
    let part = match shown_as {
        Some(id) => Attachment::new_inline_with_name(id, file_name),
        None => Attachment::new(file_name),
    };
    match (body, content_type) {
        (Ok(body), Some(content_type)) => part.body(body, content_type),
        (Ok(body), None) => part.body(body, octets()),
        // Base64 takes any bytes; should lettre refuse it, it chooses the encoding.
        (Err(bytes), content_type) => part.body(bytes, content_type.unwrap_or_else(octets)),
    }
}

fn octets() -> ContentType {
    ContentType::parse("application/octet-stream").unwrap_or(ContentType::TEXT_PLAIN)
}

/// A display name. lettre leaves a name such as `.net` unquoted, which RFC 5322 does not
/// allow; a space at its end makes lettre quote it.
fn name(text: Option<&str>) -> Option<String> {
    let mut name = line(text?, NAME);
    if name.contains('.') && !name.contains(' ') {
        name.push(' ');
    }
    (!name.is_empty()).then_some(name)
}

/// The text on one line, of at most `most` characters: lettre panics on control characters in
/// some headers, and a line break in a header would begin another one.
fn line(text: &str, most: usize) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    line.trim().chars().take(most).collect()
}
