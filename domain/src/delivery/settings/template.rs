//! Requests to HTTP services that are not Kannel, by template.
//!
//! `{to}`, `{from}`, `{text}`, `{username}`, `{password}` and `{report_url}` stand for what
//! differs from message to message. Braces around anything but small letters are only
//! braces, so that a body can be JSON.

mod draft;

use regex::Regex;

pub(super) use self::draft::{Draft, basic, body, headers, kind, only_kannels, success, url};

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// `{to}`: the number that the message goes to.
    To,
    /// `{from}`: who it comes from; nothing if nobody is named.
    From,
    /// `{text}`: what it says.
    Text,
    /// `{username}`: the provider's.
    Username,
    /// `{password}`: the provider's.
    Password,
    /// `{report_url}`: where reports of this attempt come to.
    ReportUrl,
}

const SLOTS: [(&str, Slot); 6] = [
    ("to", Slot::To),
    ("from", Slot::From),
    ("text", Slot::Text),
    ("username", Slot::Username),
    ("password", Slot::Password),
    ("report_url", Slot::ReportUrl),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Slot(Slot),
}

/// Words with placeholders among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let (mut pieces, mut words, mut rest) = (vec![], String::new(), text);
        while let Some((before, behind)) = rest.split_once('{') {
            words.push_str(before);
            let name = behind.split_once('}').filter(|(name, _)| {
                !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            });
            let Some((name, after)) = name else {
                words.push('{');
                rest = behind;
                continue;
            };
            let slot = SLOTS.iter().find(|(known, _)| *known == name);
            let (_, slot) = slot.ok_or_else(|| {
                let all: Vec<_> = SLOTS.iter().map(|(name, _)| *name).collect();
                format!("{{{name}}} is none of the placeholders {}", all.join(", "))
            })?;
            pieces.push(Piece::Words(std::mem::take(&mut words)));
            pieces.push(Piece::Slot(*slot));
            rest = after;
        }
        words.push_str(rest);
        pieces.push(Piece::Words(words));
        Ok(Self(pieces))
    }

    /// Whether this placeholder is in it.
    pub fn has(&self, slot: Slot) -> bool {
        self.0.contains(&Piece::Slot(slot))
    }

    /// The words, with these values in the placeholders' stead.
    pub fn fill(&self, value: impl Fn(Slot) -> String) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Words(words) => words.clone(),
            Piece::Slot(slot) => value(*slot),
        };
        self.0.iter().map(piece).collect()
    }
}

/// What a body is, and so how values are written in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// `application/json`.
    Json,
    /// `text/xml`.
    Xml,
    /// `text/plain`.
    Plain,
}

impl BodyKind {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Form => "application/x-www-form-urlencoded",
            Self::Json => "application/json",
            Self::Xml => "text/xml; charset=UTF-8",
            Self::Plain => "text/plain; charset=UTF-8",
        }
    }
}

/// What an answer says that means "taken"; its first group, if it has one, is the id that
/// the service gave.
#[derive(Clone, Debug)]
pub struct Success(Regex);

impl Success {
    /// Whether this answer means it, and the id that it names.
    pub fn matches(&self, answer: &str) -> Option<Option<String>> {
        let found = self.0.captures(answer)?;
        Some(found.get(1).map(|id| id.as_str().to_owned()))
    }
}

impl PartialEq for Success {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Success {}

/// How one service is asked to send a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTemplate {
    /// `url_template`: path and query, behind the provider's host and port.
    pub url: Template,
    /// `body_template`: what is posted; without it, it is a GET.
    pub body: Option<Template>,
    /// `content_type`: what the body is.
    pub kind: BodyKind,
    /// `headers`: more header fields, by name.
    pub headers: Vec<(String, Template)>,
    /// `authentication` at `basic`: username and password go along as HTTP has it
    /// (RFC 7617).
    pub basic: bool,
    /// `success`: a regular expression that a 2xx answer must match; else each is one.
    pub success: Option<Success>,
}

impl HttpTemplate {
    /// Whether reports are asked for.
    pub fn asks_for_reports(&self) -> bool {
        self.has(Slot::ReportUrl)
    }

    /// True if this placeholder is in the URL, the body or a header.
    pub fn has(&self, slot: Slot) -> bool {
        let mut headers = self.headers.iter().map(|(_, value)| value);
        self.url.has(slot)
            || self.body.as_ref().is_some_and(|it| it.has(slot))
            || headers.any(|it| it.has(slot))
    }
}
