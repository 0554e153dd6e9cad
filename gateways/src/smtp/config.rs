//! The adapter's configuration, put together from a provider's fields, its
//! `settings` and those of the installation.

use std::{sync::Arc, time::Duration};

use dkim::{DkimKey, Signer};
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

use crate::{Spool, callbacks::Addresses, network::ProviderNetworks};

/// The configuration of the connection to one mail server, and of the mails sent to it.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// The provider, for the log.
    pub provider: Id<Provider>,
    /// The host name or IP address of the server; certificates are checked against it.
    pub host: String,
    /// The port: 25, 465, 587 …
    pub port: u16,
    /// The networks that the server may be in.
    pub networks: ProviderNetworks,
    /// The username for AUTH; `None` or empty: no AUTH.
    pub username: Option<String>,
    /// The password for AUTH.
    pub password: Option<SecretString>,
    /// The encryption of the connection.
    pub tls: Tls,
    /// A certificate authority (PEM) that is trusted beside the system's.
    pub ca_certificate: Option<String>,
    /// The domain of the `noreply` sender, of Message-IDs and of return paths.
    pub from_domain: String,
    /// The domain of return paths, if not `from_domain`.
    pub verp_domain: Option<String>,
    /// The author of mails whose account may not be the author, or names no address; without it
    /// the former are refused, and the latter are sent as `noreply`.
    pub default_sender: Option<String>,
    /// The domains that mails are signed for (DKIM); empty: `from_domain`.
    pub dkim_domains: Vec<String>,
    /// The DKIM selector of their key in the DNS; without it no mail is signed.
    pub dkim_selector: Option<String>,
    /// The private DKIM key.
    pub dkim_key: Option<SecretString>,
    /// The mails that carry an unsubscribe link.
    pub list_unsubscribe: ListUnsubscribe,
    /// Creates the unsubscribe links; without it there are none.
    pub addresses: Option<Addresses>,
    /// The most mails in flight to one domain; without it, as many as there are connections.
    pub domain_connections: Option<usize>,
    /// The most connections; at least one.
    pub connections: usize,
    /// The time-out of each answer of the server.
    pub timeout: Duration,
    /// The client's name in EHLO: a host name or an IP address.
    pub hello: String,
    /// The key that signs return paths, so that a bounce can be told from a forgery.
    pub key: SecretSlice<u8>,
}

/// The unsubscribe link of a mail.
#[derive(Debug)]
pub(super) struct Unsubscribe {
    pub url: String,
    /// True if a mail program may unsubscribe by itself, in one click (RFC 8058).
    pub one_click: bool,
}

/// A configuration that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}")]
pub struct InvalidConfig {
    /// The name of the invalid field in the API.
    pub field: &'static str,
    /// The reason for which it is invalid.
    pub reason: String,
}

fn parsed(key: &SecretString) -> Result<DkimKey, InvalidConfig> {
    DkimKey::parse(key.expose_secret()).map_err(|error| InvalidConfig {
        field: "settings.dkim_key",
        reason: error.to_string(),
    })
}

impl SmtpConfig {
    /// The configuration for the server at `host`, with its provider's settings.
    /// `installation` is the host name in EHLO, and the default of `from_domain`.
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

    /// The unsubscribe link of this attempt, if its mail is to carry one. A verification code has
    /// none: there is no sender to unsubscribe from.
    pub(super) fn unsubscribe(&self, spool: &Spool) -> Option<Unsubscribe> {
        let offered = match self.list_unsubscribe {
            ListUnsubscribe::Always => true,
            ListUnsubscribe::Campaigns => spool.bulk,
            ListUnsubscribe::Never => false,
        };
        let offered = offered && spool.has_transmission();
        let addresses = self.addresses.as_ref().filter(|_| offered)?;
        Some(Unsubscribe {
            url: addresses.unsubscribe(spool.transmission, spool.id),
            one_click: addresses.is_secure(),
        })
    }

    /// The senders that mails may have.
    pub(super) fn senders(&self) -> MailSenders {
        let is_signed = self.dkim_selector.is_some();
        MailSenders {
            default_sender: self.default_sender.clone(),
            ..MailSenders::of_domain(&self.from_domain, &self.dkim_domains, is_signed)
        }
    }

    /// The DKIM signers of mails, one for each domain.
    pub(super) fn signers(&self) -> Result<Vec<Signer>, InvalidConfig> {
        let domains = match self.dkim_domains.as_slice() {
            [] => std::slice::from_ref(&self.from_domain),
            some => some,
        };
        match (&self.dkim_selector, &self.dkim_key) {
            (None, _) => Ok(Vec::new()),
            (Some(selector), Some(key)) => {
                let key = Arc::new(parsed(key)?);
                let signer = |domain: &String| Signer::new(domain, selector, Arc::clone(&key));
                Ok(domains.iter().map(signer).collect())
            }
            (Some(_), None) => Err(InvalidConfig {
                field: "settings.dkim_key",
                reason: "is required with dkim_selector".to_owned(),
            }),
        }
    }

    /// The credentials for AUTH, if there is a username.
    pub(super) fn credentials(&self) -> Option<Credentials> {
        let username = self.username.as_ref().filter(|name| !name.is_empty())?;
        let password = self
            .password
            .as_ref()
            .map_or("", |password| password.expose_secret());
        Some(Credentials::new(username.clone(), password.to_owned()))
    }

    /// True if the server's certificate must verify: always, except with opportunistic TLS
    /// (`auto`) without credentials, as between mail servers.
    pub(super) fn verified(&self) -> bool {
        self.tls != Tls::Auto || self.credentials().is_some()
    }

    /// The TLS parameters of connections; `None` if they are never encrypted.
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

    /// Checks that `from_domain` and `verp_domain` can be the domain of an address.
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

    /// The client's name for EHLO. RFC 5321 wants an IP address in brackets, and a line break in
    /// the name would begin a command of its own.
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
