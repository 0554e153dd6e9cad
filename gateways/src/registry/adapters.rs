//! The constructors of the adapters, by provider type.

use std::sync::Arc;

use dispatch::exclusive_lease::ExclusiveLease;
use domain::{
    Id,
    delivery::{
        Provider, ProviderDetails, ProviderKind,
        settings::{self, HttpSettings, SmppSettings, SmtpSettings},
    },
    values::Sealed,
};
use secrecy::SecretString;

use super::{Inner, Installation};
use crate::{
    Gateway,
    kannel::{KannelConfig, KannelGateway},
    network::ProviderNetworks,
    sandbox::{Outbox, SandboxGateway},
    smpp::{SmppConfig, SmppGateway},
    smtp::{SmtpConfig, SmtpGateway},
};

/// Creates the adapter of a provider, by its type; or the reason for which there is none.
pub(super) fn connect(
    inner: &Inner,
    id: Id<Provider>,
    details: &ProviderDetails,
) -> Result<Arc<dyn Gateway>, String> {
    // Sending makes the same check before it queues anything.
    if !details.kind.has_gateway() {
        return Err(no_gateway(details.kind));
    }
    match details.kind {
        ProviderKind::Sandbox => {
            let open = || Outbox::open(inner.store.pool().clone());
            let outbox = inner.endpoints.get_or_open(open);
            Ok(Arc::new(SandboxGateway::new(id, outbox)))
        }
        ProviderKind::Smtp => smtp(inner, id, details),
        ProviderKind::Http => kannel(inner, id, details),
        ProviderKind::Smpp => smpp(inner, id, details),
        kind @ ProviderKind::Sip => Err(no_gateway(kind)),
    }
}

fn no_gateway(kind: ProviderKind) -> String {
    format!("no gateway speaks {} yet", kind.as_str())
}

fn smtp(
    inner: &Inner,
    id: Id<Provider>,
    details: &ProviderDetails,
) -> Result<Arc<dyn Gateway>, String> {
    let settings = SmtpSettings::parse(&details.settings)
        .map_err(|(field, reason)| format!("{field} {reason}"))?;
    let host = details.host.as_ref().ok_or("it has no host")?.to_string();
    let port = details.port.unwrap_or(25);
    let Installation {
        domain, tag_key, ..
    } = &inner.installation;
    let mut config = SmtpConfig::new(id, (host, port), settings, domain, tag_key.clone());
    config.networks = networks(inner, details);
    config.username = details.username.as_ref().map(ToString::to_string);
    config.password = password(inner, details)?;
    config.addresses = Some(inner.installation.addresses.clone());
    config.dkim_key = secret(inner, details, "dkim_key")?;
    let gateway = SmtpGateway::new(config, eventstore::clock::now);
    Ok(Arc::new(gateway.map_err(|error| error.to_string())?))
}

fn kannel(
    inner: &Inner,
    id: Id<Provider>,
    details: &ProviderDetails,
) -> Result<Arc<dyn Gateway>, String> {
    let settings = HttpSettings::parse(&details.settings)
        .map_err(|(field, reason)| format!("{field} {reason}"))?;
    let config = KannelConfig {
        provider: id,
        host: details.host.as_ref().ok_or("it has no host")?.to_string(),
        port: details.port.unwrap_or(80),
        networks: networks(inner, details),
        username: details.username.as_ref().map(ToString::to_string),
        password: password(inner, details)?,
        prefix: details.prefix.as_ref().map(ToString::to_string),
        settings,
        addresses: inner.installation.addresses.clone(),
    };
    Ok(Arc::new(KannelGateway::new(config)?))
}

fn smpp(
    inner: &Inner,
    id: Id<Provider>,
    details: &ProviderDetails,
) -> Result<Arc<dyn Gateway>, String> {
    let settings = SmppSettings::parse(&details.settings)
        .map_err(|(field, reason)| format!("{field} {reason}"))?;
    let receiver_lease = settings.exclusive_receiver.then(|| {
        let name = format!("smpp-receiver/{id}");
        ExclusiveLease::new(inner.store.pool().clone(), name)
    });
    let config = SmppConfig {
        provider: id,
        host: details.host.as_ref().ok_or("it has no host")?.to_string(),
        port: details.port.unwrap_or(2775),
        networks: networks(inner, details),
        username: details.username.as_ref().map(ToString::to_string),
        password: password(inner, details)?,
        prefix: details.prefix.as_ref().map(ToString::to_string),
        settings,
        receiver_lease,
    };
    Ok(Arc::new(SmppGateway::new(config)?))
}

/// The networks that the provider may be in.
fn networks(inner: &Inner, details: &ProviderDetails) -> ProviderNetworks {
    let networks = inner.installation.networks.clone();
    match details.tenant_id {
        Some(_) => networks.for_tenants(),
        None => networks,
    }
}

fn password(inner: &Inner, details: &ProviderDetails) -> Result<Option<SecretString>, String> {
    opened(inner, settings::SEALED_PASSWORD, details.password.as_ref())
}

/// A secret among the provider's settings.
fn secret(
    inner: &Inner,
    details: &ProviderDetails,
    name: &str,
) -> Result<Option<SecretString>, String> {
    opened(inner, settings::SEALED_SETTING, details.secrets.get(name))
}

fn opened(
    inner: &Inner,
    what_for: &str,
    sealed: Option<&Sealed>,
) -> Result<Option<SecretString>, String> {
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let opened = inner.store.vault().open(what_for, sealed);
    let opened = opened.map_err(|error| error.to_string())?;
    let text = std::str::from_utf8(&opened).map_err(|_| "a secret of its is no text")?;
    Ok(Some(SecretString::from(text)))
}

/// The most starts in a second: the provider's `rate_limit`, else the `rate` of its settings.
pub(super) fn rate_limit(details: &ProviderDetails) -> Option<u32> {
    let setting = || match details.kind {
        ProviderKind::Http => HttpSettings::parse(&details.settings).ok()?.rate,
        ProviderKind::Smpp => SmppSettings::parse(&details.settings).ok()?.rate,
        _ => None,
    };
    details
        .rate_limit
        .or_else(|| u32::try_from(setting()?).ok())
}

/// True if a change leaves the adapter as it is: everything that it was made of, and by which
/// it is kept connected.
pub(super) fn same_wire(old: &ProviderDetails, new: &ProviderDetails) -> bool {
    let wire = |details: &ProviderDetails| {
        (
            details.kind,
            (details.active, details.node_id),
            details.host.clone(),
            details.port,
            details.username.clone(),
            details.password.clone(),
            details.prefix.clone(),
            details.settings.clone(),
            details.secrets.clone(),
        )
    };
    wire(old) == wire(new)
}
