//! The settings of an SMS gateway with an HTTP interface: Kannel, or another by template.

use serde_json::{Map, Value};

use super::{
    Wrong, each,
    read::{ON_REPORT_TIMEOUT, flag, line, one_of, pem, sender, within},
    template::{self, Draft, HttpTemplate},
};
use crate::delivery::OnReportTimeout;

/// The settings of a provider of type `http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// `tls`: true to use HTTPS, with a certificate that verifies (false).
    pub tls: bool,
    /// `path`: the path of the send request (`/cgi-bin/sendsms`).
    pub path: String,
    /// `url_template` and the settings that belong to it: the request to a service other than
    /// Kannel.
    pub template: Option<HttpTemplate>,
    /// `smsc`: the SMSC that the gateway is to use; if absent, the gateway selects one.
    pub smsc: Option<String>,
    /// `sender`: the sender of messages whose account has no number.
    pub sender: Option<String>,
    /// `reports`: true to request delivery reports (true).
    pub reports: bool,
    /// `report_seconds`: the time-out of a delivery report in seconds, 1 to 604,800 (86,400).
    pub report_seconds: u64,
    /// `if_silent`: the outcome of an accepted message without a delivery report: `unknown`
    /// (default) or `delivered`.
    pub if_silent: OnReportTimeout,
    /// `max_messages`: the most parts of a text, 1 to 10 (4).
    pub max_messages: u64,
    /// `rate`: the most messages per second, 1 to 10,000; unlimited if absent.
    pub rate: Option<u64>,
    /// `connections`: the most connections kept open, 1 to 64 (64).
    pub connections: usize,
    /// `timeout_seconds`: the time-out of an answer in seconds, 1 to 600 (30).
    pub timeout_seconds: u64,
    /// `ca_certificate`: a CA certificate in PEM, trusted beside those of the system.
    pub ca_certificate: Option<String>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            tls: false,
            path: "/cgi-bin/sendsms".to_owned(),
            template: None,
            smsc: None,
            sender: None,
            reports: true,
            report_seconds: 86_400,
            if_silent: OnReportTimeout::default(),
            max_messages: 4,
            rate: None,
            connections: 64,
            timeout_seconds: 30,
            ca_certificate: None,
        }
    }
}

impl HttpSettings {
    /// Parses `settings`. `report_password`, which report callbacks must carry, is a secret and not
    /// among them.
    ///
    /// # Errors
    /// The invalid field, and the rule that its value must follow.
    pub fn parse(settings: &Map<String, Value>) -> Result<Self, Wrong> {
        let (mut parsed, mut draft) = (Self::default(), Draft::default());
        each(settings, |key, value| {
            Some(match key {
                "tls" => flag(value).map(|it| parsed.tls = it),
                "path" => path(value).map(|it| parsed.path = it),
                "smsc" => line(value, 64).map(|it| parsed.smsc = Some(it)),
                "sender" => sender(value).map(|it| parsed.sender = Some(it)),
                "reports" => flag(value).map(|it| parsed.reports = it),
                "report_seconds" => within(value, 1, 604_800).map(|it| parsed.report_seconds = it),
                "if_silent" => one_of(value, &ON_REPORT_TIMEOUT).map(|it| parsed.if_silent = it),
                "max_messages" => within(value, 1, 10).map(|it| parsed.max_messages = it),
                "rate" => within(value, 1, 10_000).map(|it| parsed.rate = Some(it)),
                "connections" => within(value, 1, 64).map(|it| parsed.connections = it as usize),
                "timeout_seconds" => within(value, 1, 600).map(|it| parsed.timeout_seconds = it),
                "ca_certificate" => pem(value).map(|it| parsed.ca_certificate = Some(it)),
                "url_template" => template::url(value).map(|it| draft.url = Some(it)),
                "body_template" => template::body(value).map(|it| draft.body = Some(it)),
                "content_type" => template::kind(value).map(|it| draft.kind = Some(it)),
                "headers" => template::headers(value).map(|it| draft.headers = Some(it)),
                "authentication" => template::basic(value).map(|it| draft.basic = Some(it)),
                "success" => template::success(value).map(|it| draft.success = Some(it)),
                _ => return None,
            })
        })?;
        parsed.template = draft.finish()?;
        if parsed.template.is_some() {
            template::only_kannels(settings)?;
        }
        Ok(parsed)
    }
}

/// Parses the path of a URL, without a query, which is made for each message.
fn path(value: &Value) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/-._~%".contains(c);
    line(value, 200)
        .ok()
        .filter(|path| path.starts_with('/') && path.chars().all(fits))
        .ok_or_else(|| "must be a path such as /cgi-bin/sendsms".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(settings: Value) -> Result<HttpSettings, Wrong> {
        HttpSettings::parse(settings.as_object().unwrap())
    }

    #[test]
    fn missing_settings_have_the_defaults_of_kannel() {
        assert_eq!(parse(json!({})).unwrap(), HttpSettings::default());
        let said = json!({"path": "/sms", "reports": "0", "rate": "50", "sender": "ACME Shop"});
        let read = parse(said).unwrap();
        assert_eq!(
            (read.path.as_str(), read.reports, read.rate),
            ("/sms", false, Some(50))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (settings, field) in [
            (json!({"path": "sms"}), "settings.path"),
            (json!({"path": "/a?to=1"}), "settings.path"),
            (json!({"path": "/a b"}), "settings.path"),
            (json!({"sender": "far too long a name"}), "settings.sender"),
            (json!({"max_messages": 0}), "settings.max_messages"),
            (json!({"if_silent": "failed"}), "settings.if_silent"),
            (json!({"report_seconds": 0}), "settings.report_seconds"),
            (json!({"tls": "maybe"}), "settings.tls"),
            (json!({"report_password": "x"}), "settings.report_password"),
            (json!({"colour": null}), "settings.colour"),
        ] {
            assert_eq!(parse(settings.clone()).unwrap_err().0, field, "{settings}");
        }
    }
}
