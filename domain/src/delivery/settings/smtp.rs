//! The settings of a mail server.

use serde_json::{Map, Value};

use super::{
    Wrong, each,
    read::{domain, line, one_of, pem, within},
};
use crate::{
    delivery::{MailSenders, is_within},
    people::in_ascii,
    values::EmailAddress,
};

/// The encryption of a connection to a mail server.
///
/// With a username, `Auto` demands what `Starttls` demands: credentials leave on an
/// unencrypted or unverified connection only where `None` was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tls {
    /// Encrypted if the server offers STARTTLS, without verification of its certificate
    /// (opportunistic TLS, as between mail servers).
    #[default]
    Auto,
    /// Not encrypted.
    None,
    /// Encrypted by STARTTLS, with a certificate that verifies; without it nothing is sent.
    Starttls,
    /// Encrypted from the first byte, with a certificate that verifies.
    Implicit,
}

/// The mails that carry a link by which the recipient unsubscribes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ListUnsubscribe {
    /// Mails of campaigns.
    #[default]
    Campaigns,
    /// All mails.
    Always,
    /// No mails.
    Never,
}

const LIST_UNSUBSCRIBE: [(&str, ListUnsubscribe); 3] = [
    ("campaigns", ListUnsubscribe::Campaigns),
    ("always", ListUnsubscribe::Always),
    ("never", ListUnsubscribe::Never),
];

impl Tls {
    const WORDS: [(&'static str, Self); 4] = [
        ("auto", Self::Auto),
        ("none", Self::None),
        ("starttls", Self::Starttls),
        ("implicit", Self::Implicit),
    ];

    /// The value in `settings`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Starttls => "starttls",
            Self::Implicit => "implicit",
        }
    }
}

/// The settings of a provider of type `smtp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpSettings {
    /// `tls`: `auto` (default), `none`, `starttls` or `implicit`.
    pub tls: Tls,
    /// `from_domain`: the domain of senders and Message-IDs; if absent, that of the installation.
    pub from_domain: Option<String>,
    /// `default_sender`: the author of mail whose account has no right to its address, or an
    /// address outside `dkim_domain`; without it such mail is not sent.
    pub default_sender: Option<String>,
    /// `verp_domain`: the domain of bounce addresses (VERP), if it is not `from_domain`.
    pub verp_domain: Option<String>,
    /// `dkim_domain`: the domains that mails are signed for, separated by commas; if absent,
    /// `from_domain`.
    pub dkim_domains: Vec<String>,
    /// `dkim_selector`: the DKIM selector of the key in the DNS; without it nothing is signed. The
    /// key itself, `dkim_key`, is a secret and not among these settings.
    pub dkim_selector: Option<String>,
    /// `list_unsubscribe`: the mails that carry an unsubscribe link: `campaigns` (default),
    /// `always` or `never`.
    pub list_unsubscribe: ListUnsubscribe,
    /// `domain_connections`: the most simultaneous deliveries to one recipient domain, 1 to 64; if
    /// absent, limited by `connections` only.
    pub domain_connections: Option<usize>,
    /// `connections`: the most connections kept open, 1 to 64 (8).
    pub connections: usize,
    /// `timeout_seconds`: the time-out of each reply of the server in seconds, 1 to 600 (60).
    pub timeout_seconds: u64,
    /// `ca_certificate`: a CA certificate in PEM, trusted beside those of the system.
    pub ca_certificate: Option<String>,
}

impl Default for SmtpSettings {
    fn default() -> Self {
        Self {
            tls: Tls::Auto,
            from_domain: None,
            default_sender: None,
            verp_domain: None,
            dkim_domains: Vec::new(),
            dkim_selector: None,
            list_unsubscribe: ListUnsubscribe::default(),
            domain_connections: None,
            connections: 8,
            timeout_seconds: 60,
            ca_certificate: None,
        }
    }
}

impl SmtpSettings {
    /// Parses `settings`; an error names the field and the rule that its value must follow. `null`
    /// and the empty string mean the default; numbers may be given as text.
    pub fn parse(settings: &Map<String, Value>) -> Result<Self, Wrong> {
        let mut parsed = Self::default();
        each(settings, |key, value| {
            Some(match key {
                "tls" => tls(value).map(|tls| parsed.tls = tls),
                "from_domain" => domain(value).map(|name| parsed.from_domain = Some(name)),
                "default_sender" => address(value).map(|it| parsed.default_sender = Some(it)),
                "verp_domain" => domain(value).map(|name| parsed.verp_domain = Some(name)),
                "dkim_domain" => domains(value).map(|names| parsed.dkim_domains = names),
                "dkim_selector" => selector(value).map(|name| parsed.dkim_selector = Some(name)),
                "list_unsubscribe" => {
                    one_of(value, &LIST_UNSUBSCRIBE).map(|it| parsed.list_unsubscribe = it)
                }
                "domain_connections" => {
                    within(value, 1, 64).map(|n| parsed.domain_connections = Some(n as usize))
                }
                "connections" => within(value, 1, 64).map(|n| parsed.connections = n as usize),
                "timeout_seconds" => within(value, 1, 600).map(|n| parsed.timeout_seconds = n),
                "ca_certificate" => pem(value).map(|text| parsed.ca_certificate = Some(text)),
                _ => return None,
            })
        })?;
        parsed.check_default_sender()?;
        Ok(parsed)
    }

    /// Refuses a default sender outside the domains that mails are signed for.
    fn check_default_sender(&self) -> Result<(), Wrong> {
        let Some(sender) = &self.default_sender else {
            return Ok(());
        };
        let signed = MailSenders::new(self, "").signed_domains;
        if signed.is_empty() || signed.iter().any(|domain| is_within(sender, domain)) {
            Ok(())
        } else {
            Err((
                "settings.default_sender".to_owned(),
                format!(
                    "must be an address within {} (dkim_domain)",
                    signed.join(", ")
                ),
            ))
        }
    }
}

/// Parses an email address and converts its domain to ASCII.
fn address(value: &Value) -> Result<String, String> {
    let address = value.as_str().unwrap_or_default().parse::<EmailAddress>();
    let address = address.map_err(|error| error.to_string())?;
    in_ascii(address.as_str())
        .ok_or_else(|| "must have a domain that mail can be sent from".to_owned())
}

/// Parses domain names that are separated by commas.
fn domains(value: &Value) -> Result<Vec<String>, String> {
    let names = value.as_str().unwrap_or_default().split(',');
    names
        .map(|name| domain(&Value::from(name.trim())))
        .collect()
}

/// Parses a DKIM selector: labels of a domain name.
fn selector(value: &Value) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    line(value, 63)
        .ok()
        .filter(|name| name.chars().all(fits) && !name.starts_with('.') && !name.ends_with('.'))
        .ok_or_else(|| "must be a name such as s2026 in letters, digits and hyphens".to_owned())
}

fn tls(value: &Value) -> Result<Tls, String> {
    let word = value.as_str().unwrap_or_default();
    Tls::WORDS
        .into_iter()
        .find_map(|(known, tls)| (known == word).then_some(tls))
        .ok_or_else(|| "must be auto, none, starttls or implicit".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(settings: Value) -> Result<SmtpSettings, (String, String)> {
        SmtpSettings::parse(settings.as_object().unwrap())
    }

    #[test]
    fn nothing_said_means_the_defaults() {
        assert_eq!(parse(json!({})).unwrap(), SmtpSettings::default());
        let blank = parse(json!({"tls": "", "connections": null, "from_domain": " "})).unwrap();
        assert_eq!(blank, SmtpSettings::default());
    }

    #[test]
    fn every_setting_is_read() {
        let settings = parse(json!({
            "tls": "implicit", "from_domain": "Mail.Example.com", "connections": "16",
            "verp_domain": "bounces.example.com", "timeout_seconds": 5,
            "dkim_domain": "example.com, Shop.example", "default_sender": "Desk@shop.example",
        }))
        .unwrap();
        assert_eq!(
            (settings.tls, settings.connections, settings.timeout_seconds),
            (Tls::Implicit, 16, 5)
        );
        assert_eq!(settings.from_domain.as_deref(), Some("mail.example.com"));
        assert_eq!(settings.verp_domain.as_deref(), Some("bounces.example.com"));
        assert_eq!(settings.dkim_domains, ["example.com", "shop.example"]);
        assert_eq!(
            settings.default_sender.as_deref(),
            Some("Desk@shop.example")
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (settings, field) in [
            (json!({"tls": "yes"}), "settings.tls"),
            (json!({"tls": true}), "settings.tls"),
            (json!({"from_domain": "a b"}), "settings.from_domain"),
            (json!({"from_domain": "x@y"}), "settings.from_domain"),
            (json!({"from_domain": "x\r\ny"}), "settings.from_domain"),
            (
                json!({"from_domain": "bücher.example"}),
                "settings.from_domain",
            ),
            (
                json!({"default_sender": "ours.example"}),
                "settings.default_sender",
            ),
            (
                json!({"default_sender": "a@b.c", "dkim_domain": "c.d"}),
                "settings.default_sender",
            ),
            (
                json!({"default_sender": "a@b.c", "from_domain": "c.d", "dkim_selector": "s"}),
                "settings.default_sender",
            ),
            (json!({"verp_domain": 7}), "settings.verp_domain"),
            (json!({"dkim_domain": "a b"}), "settings.dkim_domain"),
            (json!({"dkim_domain": "a.b,,c.d"}), "settings.dkim_domain"),
            (json!({"dkim_selector": "a b"}), "settings.dkim_selector"),
            (json!({"dkim_selector": "a;b"}), "settings.dkim_selector"),
            (json!({"dkim_key": "x"}), "settings.dkim_key"),
            (json!({"list_unsubscribe": 1}), "settings.list_unsubscribe"),
            (
                json!({"domain_connections": 0}),
                "settings.domain_connections",
            ),
            (json!({"connections": 0}), "settings.connections"),
            (json!({"connections": 65}), "settings.connections"),
            (json!({"connections": "many"}), "settings.connections"),
            (json!({"timeout_seconds": 1.5}), "settings.timeout_seconds"),
            (json!({"ca_certificate": "x"}), "settings.ca_certificate"),
            (json!({"TLS": "none"}), "settings.TLS"),
        ] {
            assert_eq!(parse(settings.clone()).unwrap_err().0, field, "{settings}");
        }
    }

    #[test]
    fn every_word_for_tls_reads_back() {
        for (word, tls) in Tls::WORDS {
            assert_eq!(tls.as_str(), word);
            assert_eq!(parse(json!({ "tls": word })).unwrap().tls, tls);
        }
    }
}
