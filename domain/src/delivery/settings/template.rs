//! Requests to HTTP services that are not Kannel, by template.
//!
//! `{to}`, `{from}`, `{text}`, `{username}`, `{password}` and `{report_url}` stand for what
//! differs from message to message. Braces around anything but small letters are only
//! braces, so that a body can be JSON.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::{
    Wrong,
    read::{line, word},
};

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

const KINDS: [(&str, BodyKind); 4] = [
    ("application/x-www-form-urlencoded", BodyKind::Form),
    ("application/json", BodyKind::Json),
    ("text/xml", BodyKind::Xml),
    ("text/plain", BodyKind::Plain),
];

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

    fn has(&self, slot: Slot) -> bool {
        let mut headers = self.headers.iter().map(|(_, value)| value);
        self.url.has(slot)
            || self.body.as_ref().is_some_and(|it| it.has(slot))
            || headers.any(|it| it.has(slot))
    }
}

/// The settings that make a template, as they are read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub url: Option<Template>,
    pub body: Option<Template>,
    pub kind: Option<BodyKind>,
    pub headers: Option<Vec<(String, Template)>>,
    pub basic: Option<bool>,
    pub success: Option<Success>,
}

impl Draft {
    /// The template, if there is to be one.
    pub fn finish(self) -> Result<Option<HttpTemplate>, Wrong> {
        let wrong = |name: &str, reason: &str| (format!("settings.{name}"), reason.to_owned());
        let Some(url) = self.url else {
            let others = [
                ("body_template", self.body.is_some()),
                ("content_type", self.kind.is_some()),
                ("headers", self.headers.is_some()),
                ("authentication", self.basic == Some(true)),
                ("success", self.success.is_some()),
            ];
            let alone = others.into_iter().find(|(_, said)| *said);
            return alone.map_or(Ok(None), |(name, _)| {
                Err(wrong(name, "means nothing without url_template"))
            });
        };
        if url.has(Slot::Password) {
            let reason = "must not hold {password}: addresses are written down on the way; a \
                          header, the body or authentication can";
            return Err(wrong("url_template", reason));
        }
        let template = HttpTemplate {
            url,
            body: self.body,
            kind: self.kind.unwrap_or_default(),
            headers: self.headers.unwrap_or_default(),
            basic: self.basic.unwrap_or_default(),
            success: self.success,
        };
        if !template.has(Slot::To) || !template.has(Slot::Text) {
            let reason = "must, with body_template, hold {to} and {text}";
            return Err(wrong("url_template", reason));
        }
        let sample = |body: &Template| body.fill(|_| "a".to_owned());
        let json = template.body.as_ref().map(sample);
        let json = json.filter(|_| template.kind == BodyKind::Json);
        if json.is_some_and(|json| serde_json::from_str::<Value>(&json).is_err()) {
            return Err(wrong("body_template", "must be JSON, as content_type says"));
        }
        Ok(Some(template))
    }
}

/// A path, and perhaps a query.
pub(super) fn url(value: &Value) -> Result<Template, String> {
    let fits = |c: char| c.is_ascii_graphic() && !"\"<>\\^`|#".contains(c);
    line(value, 1_000)
        .ok()
        .filter(|url| url.starts_with('/') && url.chars().all(fits))
        .ok_or_else(|| "must be a path and a query such as /send?to={to}&text={text}".to_owned())
        .and_then(|url| Template::parse(&url))
        .and_then(
            |url| match url.fill(|_| String::new()).contains(['{', '}']) {
                true => {
                    Err("holds a brace that is none of a placeholder: write %7B or %7D".to_owned())
                }
                false => Ok(url),
            },
        )
}

/// A body.
pub(super) fn body(value: &Value) -> Result<Template, String> {
    value
        .as_str()
        .filter(|body| body.len() <= 10_000)
        .ok_or_else(|| "must be a text of at most 10,000 bytes".to_owned())
        .and_then(Template::parse)
}

/// A kind of body.
pub(super) fn kind(value: &Value) -> Result<BodyKind, String> {
    word(value, &KINDS)
}

/// How one says who one is.
pub(super) fn basic(value: &Value) -> Result<bool, String> {
    word(value, &[("basic", true), ("none", false)])
}

/// A regular expression.
pub(super) fn success(value: &Value) -> Result<Success, String> {
    let pattern = line(value, 500)?;
    let built = RegexBuilder::new(&pattern).size_limit(1 << 20).build();
    built.map(Success).map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().next_back().unwrap_or_default().trim();
        format!("must be a regular expression: {last}")
    })
}

/// What HTTP itself says, or another setting.
const TAKEN: [&str; 7] = [
    "host",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "expect",
];

/// Header fields, by name.
pub(super) fn headers(value: &Value) -> Result<Vec<(String, Template)>, String> {
    let fields = value
        .as_object()
        .filter(|fields| fields.len() <= 20)
        .ok_or("must be an object of at most 20 header fields")?;
    fields.iter().map(header).collect()
}

fn header((name, value): (&String, &Value)) -> Result<(String, Template), String> {
    let name = name.to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || name.len() > 100 || !name.chars().all(fits) {
        return Err(format!("{name:?} is no name of a header field"));
    }
    if TAKEN.contains(&name.as_str()) {
        return Err(format!("{name} cannot be set"));
    }
    let value = line(value, 1_000).map_err(|reason| format!("{name} {reason}"))?;
    if !value.chars().all(|c| matches!(c, ' '..='~')) {
        return Err(format!("{name} must be ASCII"));
    }
    let template = Template::parse(&value).map_err(|reason| format!("{name}: {reason}"))?;
    match template.has(Slot::Text) {
        true => Err(format!(
            "{name} cannot hold {{text}}: a header has no room for it"
        )),
        false => Ok((name, template)),
    }
}

/// What is said of a service by template, of what only Kannel has.
pub(super) fn only_kannels(settings: &Map<String, Value>) -> Result<(), Wrong> {
    let said = |name: &&str| {
        settings
            .get(*name)
            .is_some_and(|it| !it.is_null() && it != "")
    };
    match ["path", "smsc"].into_iter().find(said) {
        None => Ok(()),
        Some(name) => Err((
            format!("settings.{name}"),
            "is for Kannel; url_template says it all".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::delivery::settings::HttpSettings;

    fn parse(settings: Value) -> Result<HttpTemplate, Wrong> {
        let settings = HttpSettings::parse(settings.as_object().unwrap())?;
        Ok(settings.template.unwrap())
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let body = Template::parse(r#"{"a": {"to": "{to}"}, "b": "{}{text}{"}"#).unwrap();
        let filled = body.fill(|slot| format!("<{slot:?}>"));
        assert_eq!(filled, r#"{"a": {"to": "<To>"}, "b": "{}<Text>{"}"#);
        assert!(body.has(Slot::To) && !body.has(Slot::Password));
    }

    #[test]
    fn a_template_says_how_a_message_is_sent() {
        let template = parse(json!({
            "url_template": "/v1/send?report={report_url}", "content_type": "application/json",
            "body_template": r#"{"to": "{to}", "text": "{text}"}"#,
            "headers": {"Authorization": "Bearer {password}"}, "success": r#""id": *"([^"]+)""#,
        }))
        .unwrap();
        assert!(template.asks_for_reports());
        assert_eq!(template.kind, BodyKind::Json);
        assert_eq!(template.headers[0].0, "authorization");
        let success = template.success.unwrap();
        let id = success.matches(r#"{"status": "ok", "id": "a-1"}"#);
        assert_eq!(id, Some(Some("a-1".to_owned())));
        assert_eq!(success.matches(r#"{"status": "no"}"#), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let url = "/send?to={to}&text={text}";
        for (settings, field) in [
            (
                json!({"url_template": "send?to={to}&text={text}"}),
                "url_template",
            ),
            (
                json!({"url_template": "/send?to={to} &text={text}"}),
                "url_template",
            ),
            (json!({"url_template": "/send?to={to}"}), "url_template"),
            (
                json!({"url_template": "/send?to={to}&text={text}&x={colour}"}),
                "url_template",
            ),
            (
                json!({"url_template": "/send?to={to}&text={text}&p={password}"}),
                "url_template",
            ),
            (
                json!({"url_template": "/send?to={to}&text={text}&x={2}"}),
                "url_template",
            ),
            (json!({"success": "OK"}), "success"),
            (json!({"headers": {"a": "b"}}), "headers"),
            (json!({"url_template": url, "success": "(OK"}), "success"),
            (
                json!({"url_template": url, "success": "(a{1000}){1000}"}),
                "success",
            ),
            (
                json!({"url_template": url, "headers": {"host": "x"}}),
                "headers",
            ),
            (
                json!({"url_template": url, "headers": {"a b": "x"}}),
                "headers",
            ),
            (
                json!({"url_template": url, "headers": {"a": "x\r\ny: z"}}),
                "headers",
            ),
            (
                json!({"url_template": url, "headers": {"a": "{text}"}}),
                "headers",
            ),
            (json!({"url_template": url, "headers": ["a"]}), "headers"),
            (
                json!({"url_template": url, "content_type": "image/png"}),
                "content_type",
            ),
            (
                json!({"url_template": url, "authentication": "digest"}),
                "authentication",
            ),
            (json!({"url_template": url, "smsc": "fake"}), "smsc"),
            (
                json!({
                    "url_template": url, "content_type": "application/json",
                    "body_template": "{to: {to}}",
                }),
                "body_template",
            ),
        ] {
            let (named, reason) = parse(settings.clone()).unwrap_err();
            assert_eq!(named, format!("settings.{field}"), "{settings}: {reason}");
        }
    }
}
