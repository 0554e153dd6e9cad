//! What the adapter has to know, put together from a provider's fields, its
//! `settings` and the installation's own.

use std::time::Duration;

use domain::{
    Id,
    delivery::{
        MailSenders, Provider,
        settings::{ListUnsubscribe, SmtpSettings, Tls},
    },
};
use lettre::{
    Address,
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::dkim::Signer;
use crate::{Spool, callbacks::Addresses, network::ProviderNetworks};

/// One mail server and how to speak to it.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// Whose connections these are, for the log.
    pub provider: Id<Provider>,
    /// A name or an address; certificates are checked against it.
    pub host: String,
    /// 25, 465, 587 …
    pub port: u16,
    /// The networks that the server may be in.
    pub networks: ProviderNetworks,
    /// Nothing or empty: no AUTH.
    pub username: Option<String>,
    /// Goes with the username.
    pub password: Option<SecretString>,
    /// Whether and how the connection is encrypted.
    pub tls: Tls,
    /// An authority (PEM) that is trusted beside the system's.
    pub ca_certificate: Option<String>,
    /// Behind the `@` of default senders, Message-IDs and return paths.
    pub from_domain: String,
    /// Behind the `@` of return paths, if another.
    pub verp_domain: Option<String>,
    /// The author of mails whose account cannot be it; without one, such mails are refused.
    pub default_sender: Option<String>,
    /// The domains that mails are signed for; none: `from_domain`.
    pub dkim_domains: Vec<String>,
    /// Under what name their key stands in the DNS; without it nothing is signed.
    pub dkim_selector: Option<String>,
    /// The key.
    pub dkim_key: Option<SecretString>,
    /// Which mails carry a link that ends them.
    pub list_unsubscribe: ListUnsubscribe,
    /// Where such links lead; without it there are none.
    pub addresses: Option<Addresses>,
    /// How many mails go to one domain at the same time; without it, as many as there are
    /// connections.
    pub domain_connections: Option<usize>,
    /// How many connections are kept at most; at least one.
    pub connections: usize,
    /// How long the server may take for one answer.
    pub timeout: Duration,
    /// What EHLO says we are: a host name, or an IP address.
    pub hello: String,
    /// Signs return paths, so that a bounce can be told from a forgery.
    pub key: SecretSlice<u8>,
}

/// How the recipient of a mail ends such mails.
#[derive(Debug)]
pub(super) struct Unsubscribe {
    pub url: String,
    /// Whether a mail program may do it by itself (RFC 8058).
    pub one_click: bool,
}

/// A configuration that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct InvalidConfig {
    /// What is wrong, as clients call it.
    pub field: &'static str,
    /// Why.
    pub reason: String,
}

impl SmtpConfig {
    /// For the server at `host`, with what its provider's settings say.
    /// `installation` is the name that EHLO says and that stands in for a
    /// `from_domain` nobody set.
    pub fn new(
        provider: Id<Provider>,
        (host, port): (String, u16),
        settings: SmtpSettings,
        installation: &str,
        key: SecretSlice<u8>,
    ) -> Self {
        Self {
            provider,
            host,
            port,
            networks: ProviderNetworks::default(),
            username: None,
            password: None,
            tls: settings.tls,
            default_sender: settings.default_sender,
            ca_certificate: settings.ca_certificate,
            from_domain: settings
                .from_domain
                .unwrap_or_else(|| installation.to_owned()),
            verp_domain: settings.verp_domain,
            dkim_domains: settings.dkim_domains,
            dkim_selector: settings.dkim_selector,
            dkim_key: None,
            list_unsubscribe: settings.list_unsubscribe,
            addresses: None,
            domain_connections: settings.domain_connections,
            connections: settings.connections,
            timeout: Duration::from_secs(settings.timeout_seconds),
            hello: installation.to_owned(),
            key,
        }
    }

    /// Where the recipient of this attempt ends such mails, if that is offered.
    pub(super) fn unsubscribe(&self, spool: &Spool) -> Option<Unsubscribe> {
        let offered = match self.list_unsubscribe {
            ListUnsubscribe::Always => true,
            ListUnsubscribe::Campaigns => spool.bulk,
            ListUnsubscribe::Never => false,
        };
        let addresses = self.addresses.as_ref().filter(|_| offered)?;
        Some(Unsubscribe {
            url: addresses.unsubscribe(spool.transmission, spool.id),
            one_click: addresses.is_secure(),
        })
    }

    /// The authors that mails may have.
    pub(super) fn senders(&self) -> MailSenders {
        let is_signed = self.dkim_selector.is_some();
        MailSenders {
            default_sender: self.default_sender.clone(),
            ..MailSenders::of_domain(&self.from_domain, &self.dkim_domains, is_signed)
        }
    }

    /// What signs mails, one for each domain.
    pub(super) fn signers(&self) -> Result<Vec<Signer>, InvalidConfig> {
        let domains = match self.dkim_domains.as_slice() {
            [] => std::slice::from_ref(&self.from_domain),
            some => some,
        };
        match (&self.dkim_selector, &self.dkim_key) {
            (None, _) => Ok(Vec::new()),
            (Some(selector), Some(key)) => domains
                .iter()
                .map(|domain| Signer::new(domain, selector, key))
                .collect(),
            (Some(_), None) => Err(InvalidConfig {
                field: "settings.dkim_key",
                reason: "is required with dkim_selector".to_owned(),
            }),
        }
    }

    /// What to log in with, if at all.
    pub(super) fn credentials(&self) -> Option<Credentials> {
        let username = self.username.as_ref().filter(|name| !name.is_empty())?;
        let password = self
            .password
            .as_ref()
            .map_or("", |password| password.expose_secret());
        Some(Credentials::new(username.clone(), password.to_owned()))
    }

    /// Whether the server must prove who it is: always, except where mail servers
    /// do not either, among themselves and without credentials.
    pub(super) fn verified(&self) -> bool {
        self.tls != Tls::Auto || self.credentials().is_some()
    }

    /// How connections are encrypted; nothing where they never are.
    pub(super) fn tls_parameters(&self) -> Result<Option<TlsParameters>, InvalidConfig> {
        if self.tls == Tls::None {
            return Ok(None);
        }
        let invalid = |error: lettre::transport::smtp::Error| InvalidConfig {
            field: "settings.ca_certificate",
            reason: format!("cannot be used: {error}"),
        };
        let mut builder = TlsParameters::builder(self.host.clone());
        if self.verified() {
            if let Some(pem) = &self.ca_certificate {
                let certificate = Certificate::from_pem(pem.as_bytes()).map_err(invalid)?;
                builder = builder.add_root_certificate(certificate);
            }
        } else {
            builder = builder
                .certificate_store(CertificateStore::None)
                .dangerous_accept_invalid_certs(true)
                .dangerous_accept_invalid_hostnames(true);
        }
        builder.build().map(Some).map_err(invalid)
    }

    /// Whether mail can be sent from these domains at all.
    pub(super) fn check_domains(&self) -> Result<(), InvalidConfig> {
        let domains = [
            ("settings.from_domain", Some(&self.from_domain)),
            ("settings.verp_domain", self.verp_domain.as_ref()),
        ];
        for (field, domain) in domains {
            let fits = |domain: &String| {
                is_host(domain) && format!("a@{domain}").parse::<Address>().is_ok()
            };
            if !domain.is_none_or(fits) {
                let reason = "must be a domain name such as mail.example.com".to_owned();
                return Err(InvalidConfig { field, reason });
            }
        }
        Ok(())
    }

    /// What EHLO says. RFC 5321 wants an address in brackets, and a line end in
    /// here would be a command of its own.
    pub(super) fn client_id(&self) -> Result<ClientId, InvalidConfig> {
        use std::net::IpAddr;
        match self.hello.parse() {
            Ok(IpAddr::V4(address)) => Ok(ClientId::Ipv4(address)),
            Ok(IpAddr::V6(address)) => Ok(ClientId::Ipv6(address)),
            Err(_) if is_host(&self.hello) => Ok(ClientId::Domain(self.hello.clone())),
            Err(_) => Err(InvalidConfig {
                field: "hello",
                reason: "must be a host name or an IP address".to_owned(),
            }),
        }
    }
}

fn is_host(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.len() <= 253 && text.chars().all(fits)
}
