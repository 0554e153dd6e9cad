//! An email as adapters get it: composed, its tokens filled in, checked.

use bytes::Bytes;
use domain::delivery::SenderAddress;

/// An attached file.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// The file's name, one line.
    pub file_name: String,
    /// Its media type, `application/pdf` for instance.
    pub content_type: String,
    /// Its bytes.
    pub content: Bytes,
}

/// A composed email. Header values hold no line breaks.
#[derive(Debug, Clone)]
pub struct Email {
    /// The sender address that the account names, and its right to it.
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
    /// The attached files.
    pub attachments: Vec<Attachment>,
}
