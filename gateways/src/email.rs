//! An email as adapters get it: composed, tokens filled, checked.

use bytes::Bytes;
use domain::delivery::SenderAddress;

/// A file that goes along.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// The file's name, one line.
    pub file_name: String,
    /// Its media type, `application/pdf` for instance.
    pub content_type: String,
    /// Its bytes.
    pub content: Bytes,
}

/// Everything an email says. Header values hold no line ends.
#[derive(Debug, Clone)]
pub struct Email {
    /// The address of the account, and its right to send as it.
    pub from: Option<SenderAddress>,
    /// The author's name.
    pub from_name: Option<String>,
    /// The recipient's name; the address is the spool's destination.
    pub to_name: Option<String>,
    /// The subject line.
    pub subject: String,
    /// The HTML body, if the template has one.
    pub html: Option<String>,
    /// The plain body; made from the HTML where the template has none.
    pub text: String,
    /// The files that go along.
    pub attachments: Vec<Attachment>,
}
