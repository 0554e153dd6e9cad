//! Parsers of the settings that make a request template.

use regex::RegexBuilder;
use serde_json::{Map, Value};

use super::{
    super::{
        Wrong,
        read::{line, one_of},
    },
    BodyKind, HttpTemplate, Slot, Success, Template,
};

const KINDS: [(&str, BodyKind); 4] = [
    ("application/x-www-form-urlencoded", BodyKind::Form),
    ("application/json", BodyKind::Json),
    ("text/xml", BodyKind::Xml),
    ("text/plain", BodyKind::Plain),
];

/// The parsed settings that make a template.
#[derive(Debug, Default)]
pub(in crate::delivery::settings) struct Draft {
    pub url: Option<Template>,
    pub body: Option<Template>,
    pub kind: Option<BodyKind>,
    pub headers: Option<Vec<(String, Template)>>,
    pub basic: Option<bool>,
    pub success: Option<Success>,
}

impl Draft {
    /// The template; `None` if no setting of a template is given.
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
        let named = |name: &str| template.headers.iter().filter(|(it, _)| it == name).count();
        if template.headers.iter().any(|(name, _)| named(name) > 1) {
            return Err(wrong("headers", "has a name twice"));
        }
        if template.basic && named("authorization") > 0 {
            return Err(wrong(
                "authentication",
                "says what the header authorization says, too",
            ));
        }
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

/// Parses a path, optionally with a query.
pub(in crate::delivery::settings) fn url(value: &Value) -> Result<Template, String> {
    let fits = |c: char| c.is_ascii_graphic() && !"\"<>\\^`|#".contains(c);
    line(value, 1_000)
        .ok()
        .filter(|url| url.starts_with('/') && url.chars().all(fits))
        .ok_or_else(|| "must be a path and a query such as /send?to={to}&text={text}".to_owned())
        .and_then(|url| Template::parse(&url))
        .and_then(|url| {
            if url.fill(|_| String::new()).contains(['{', '}']) {
                Err("holds a brace that is none of a placeholder: write %7B or %7D".to_owned())
            } else {
                Ok(url)
            }
        })
}

/// Parses a body template of at most 10,000 bytes.
pub(in crate::delivery::settings) fn body(value: &Value) -> Result<Template, String> {
    value
        .as_str()
        .filter(|body| body.len() <= 10_000)
        .ok_or_else(|| "must be a text of at most 10,000 bytes".to_owned())
        .and_then(Template::parse)
}

/// Parses the media type of the body.
pub(in crate::delivery::settings) fn kind(value: &Value) -> Result<BodyKind, String> {
    one_of(value, &KINDS)
}

/// Parses `authentication`: true for `basic`, false for `none`.
pub(in crate::delivery::settings) fn basic(value: &Value) -> Result<bool, String> {
    one_of(value, &[("basic", true), ("none", false)])
}

/// Parses a regular expression.
pub(in crate::delivery::settings) fn success(value: &Value) -> Result<Success, String> {
    let pattern = line(value, 500)?;
    let built = RegexBuilder::new(&pattern).size_limit(1 << 20).build();
    built.map(Success).map_err(|error| {
        let reason = error.to_string();
        let last = reason.lines().next_back().unwrap_or_default().trim();
        format!("must be a regular expression: {last}")
    })
}

/// Header fields that HTTP itself or another setting determines.
const TAKEN: [&str; 7] = [
    "host",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "expect",
];

/// Parses header fields, by name.
pub(in crate::delivery::settings) fn headers(
    value: &Value,
) -> Result<Vec<(String, Template)>, String> {
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
    if template.has(Slot::Text) {
        Err(format!(
            "{name} cannot hold {{text}}: a header has no room for it"
        ))
    } else {
        Ok((name, template))
    }
}

/// Refuses settings that are for Kannel only, beside a template.
pub(in crate::delivery::settings) fn only_kannels(
    settings: &Map<String, Value>,
) -> Result<(), Wrong> {
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
                json!({"url_template": url, "headers": {"a": "1", "A": "2"}}),
                "headers",
            ),
            (
                json!({
                    "url_template": url, "authentication": "basic",
                    "headers": {"Authorization": "Bearer {password}"},
                }),
                "authentication",
            ),
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
