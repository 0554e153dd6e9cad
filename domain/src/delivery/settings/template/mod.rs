//! Request templates for HTTP services other than Kannel.
//!
//! `{to}`, `{from}`, `{text}`, `{username}`, `{password}` and `{report_url}` are replaced for each
//! message. Braces around anything but small letters and underscores are literal, so that a body
//! can be JSON.

mod draft;

use regex::Regex;

pub(super) use self::draft::{Draft, basic, body, headers, kind, only_kannels, success, url};

/// A placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// `{to}`: the recipient's number.
    To,
    /// `{from}`: the sender; empty if none is named.
    From,
    /// `{text}`: the text of the message.
    Text,
    /// `{username}`: the username of the provider.
    Username,
    /// `{password}`: the password of the provider.
    Password,
    /// `{report_url}`: the callback URL for delivery reports of this attempt.
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

/// A text with placeholders.
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

    /// True if the template contains this placeholder.
    pub fn has(&self, slot: Slot) -> bool {
        self.0.contains(&Piece::Slot(slot))
    }

    /// Renders the template with these values of the placeholders.
    pub fn fill(&self, value: impl Fn(Slot) -> String) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Words(words) => words.clone(),
            Piece::Slot(slot) => value(*slot),
        };
        self.0.iter().map(piece).collect()
    }
}

/// The media type of a body, which also decides how values are escaped in it.
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

/// The pattern of a response that means acceptance; its first group, if it has one, is the message
/// id of the service.
#[derive(Clone, Debug)]
pub struct Success(Regex);

impl Success {
    /// `Some` if the response means acceptance, with the message id if it contains one.
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

/// The template of the request by which a service sends a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTemplate {
    /// `url_template`: the path and query; host and port are those of the provider.
    pub url: Template,
    /// `body_template`: the body of a POST; without it the request is a GET.
    pub body: Option<Template>,
    /// `content_type`: the media type of the body.
    pub kind: BodyKind,
    /// `headers`: additional header fields, by name.
    pub headers: Vec<(String, Template)>,
    /// `authentication`: true to send username and password by HTTP Basic authentication (RFC
    /// 7617).
    pub basic: bool,
    /// `success`: a regular expression that a 2xx response must match to be a success; without it
    /// every 2xx response is one.
    pub success: Option<Success>,
}

impl HttpTemplate {
    /// True if the request asks for delivery reports.
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
