//! The destination of a provider's secrets and the security of the connection.

use serde_json::{Map, Value};

use super::{HttpSettings, SipSettings, SmppSettings, SmtpSettings, Tls, Transport};
use crate::delivery::ProviderKind;

/// Settings that, beside host and port, select the destination of a connection.
const DESTINATIONS: [&str; 3] = ["outbound_proxy", "esl_host", "esl_port"];

/// The destination of a provider's secrets, and the protection of the connection there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::delivery) struct Destination {
    host: Option<String>,
    port: Option<u16>,
    others: [Option<String>; 3],
    encrypted: bool,
    authority: Option<String>,
}

impl Destination {
    /// The destination of a provider with this type, host, port and settings.
    pub fn new(
        kind: ProviderKind,
        (host, port): (Option<&str>, Option<u16>),
        settings: &Map<String, Value>,
    ) -> Self {
        let setting = |name| {
            let value = match settings.get(name)? {
                Value::String(text) => text.trim().to_lowercase(),
                Value::Null => return None,
                other => other.to_string(),
            };
            (!value.is_empty()).then_some(value)
        };
        let authority = settings.get("ca_certificate").and_then(Value::as_str);
        let authority = authority.map(|pem| pem.trim().to_owned());
        Self {
            host: host.map(str::to_lowercase),
            port: port.or(kind.default_port()),
            others: DESTINATIONS.map(setting),
            encrypted: is_encrypted(kind, settings),
            authority: authority.filter(|pem| !pem.is_empty()),
        }
    }

    /// True if secrets kept for `earlier` may be sent to this destination: host, port and other
    /// destination settings are equal, the connection is not less protected, and it trusts no other
    /// CA certificate.
    pub fn may_have_secrets_of(&self, earlier: &Self) -> bool {
        let same = |it: &Self| (it.host.clone(), it.port, it.others.clone());
        let as_protected = self.encrypted || !earlier.encrypted;
        let as_trusted = self.authority.is_none() || self.authority == earlier.authority;
        same(self) == same(earlier) && as_protected && as_trusted
    }
}

/// True if secrets leave on an encrypted connection only, to a server whose certificate verifies.
/// Settings that do not parse count as not encrypted.
fn is_encrypted(kind: ProviderKind, settings: &Map<String, Value>) -> bool {
    match kind {
        ProviderKind::Http => HttpSettings::parse(settings).is_ok_and(|it| it.tls),
        ProviderKind::Sip => {
            SipSettings::parse(settings).is_ok_and(|it| it.transport == Transport::Tls)
        }
        ProviderKind::Smpp => SmppSettings::parse(settings).is_ok_and(|it| it.tls),
        // With a username, `auto` is as strict as `starttls`; without one there is no secret.
        ProviderKind::Smtp => SmtpSettings::parse(settings).is_ok_and(|it| it.tls != Tls::None),
        ProviderKind::Sandbox => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn destination(kind: ProviderKind, host: &str, port: u16, settings: Value) -> Destination {
        let settings = settings.as_object().unwrap();
        Destination::new(kind, (Some(host), Some(port)), settings)
    }

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----";

    #[test]
    fn another_host_or_port_is_another_destination() {
        let first = destination(ProviderKind::Smtp, "Mail.example", 25, json!({}));
        let same = destination(ProviderKind::Smtp, "mail.example", 25, json!({}));
        assert!(same.may_have_secrets_of(&first));
        for (host, port) in [("mail.example", 26), ("other.example", 25)] {
            let other = destination(ProviderKind::Smtp, host, port, json!({}));
            assert!(!other.may_have_secrets_of(&first), "{host}:{port}");
        }
        let no_port = Destination::new(
            ProviderKind::Smtp,
            (Some("mail.example"), None),
            &Map::new(),
        );
        assert!(no_port.may_have_secrets_of(&first), "25 is the default");
    }

    #[test]
    fn a_less_protected_connection_does_not_get_the_secrets() {
        for (kind, less, more) in [
            (
                ProviderKind::Smtp,
                json!({"tls": "none"}),
                json!({"tls": "starttls"}),
            ),
            (ProviderKind::Smtp, json!({"tls": "none"}), json!({})),
            (ProviderKind::Http, json!({}), json!({"tls": "1"})),
            (
                ProviderKind::Smpp,
                json!({"tls": false}),
                json!({"tls": true}),
            ),
            (
                ProviderKind::Sip,
                json!({"transport": "udp"}),
                json!({"transport": "tls"}),
            ),
            (
                ProviderKind::Http,
                json!({"tls": true, "ca_certificate": PEM}),
                json!({"tls": true}),
            ),
        ] {
            let at = |settings: &Value| destination(kind, "a.example", 1, settings.clone());
            assert!(!at(&less).may_have_secrets_of(&at(&more)), "{less}");
            assert!(at(&more).may_have_secrets_of(&at(&less)), "{more}");
        }
    }
}
