//! The providers there are, as the log has them, each with its adapter; and the
//! choice among them.
//!
//! A provider type's adapter is made in [`connect`], the one visible list.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cqrs_es::Aggregate;
use domain::{
    Id,
    delivery::{Provider, ProviderDetails, ProviderKind, settings::SmtpSettings},
    flow::Service,
};
use eventstore::{Store, StoreError};
use projections::delivery::health::ProviderHealth;
use secrecy::{SecretSlice, SecretString};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    Gateway, Health,
    rate::Rate,
    sandbox::SandboxGateway,
    smtp::{SmtpConfig, SmtpGateway},
};

/// What a provider's password is sealed for.
pub const PASSWORD: &str = "provider.password";
/// What a secret among its settings is sealed for.
pub const SETTING: &str = "provider.setting";

/// What adapters need of the installation.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The host name that stands in where a provider names none.
    pub domain: String,
    /// Signs return paths.
    pub tag_key: SecretSlice<u8>,
    /// The number of this node; providers pinned to another are not used here.
    pub node_id: Option<i32>,
}

/// The providers, kept up to date from the log. Clones share them.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    store: Store,
    installation: Installation,
    entries: Mutex<Vec<Entry>>,
}

struct Entry {
    id: Id<Provider>,
    details: ProviderDetails,
    /// Why there is no adapter, or the adapter.
    gateway: Result<Channel, String>,
    /// Smooth weighted round robin: who has waited longest for its share.
    credit: f64,
    rate: Rate,
}

/// A provider that was picked.
#[derive(Clone)]
pub struct Channel {
    /// Which one.
    pub provider: Id<Provider>,
    /// Its adapter.
    pub gateway: Arc<dyn Gateway>,
    /// One permit for each attempt that makes sense at the same time.
    pub permits: Arc<Semaphore>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registry")
    }
}

impl Registry {
    /// Reads the providers from the log and follows what becomes of them.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn follow(store: Store, installation: Installation) -> Result<Self, StoreError> {
        let registry = Self(Arc::new(Inner {
            store,
            installation,
            entries: Mutex::default(),
        }));
        let log = registry.0.store.log().clone();
        let mut after = 0;
        loop {
            let events = log.read_types(&[Provider::TYPE], after, 1_000).await?;
            let Some(last) = events.last() else { break };
            after = last.position;
            let mut ids: Vec<Id<Provider>> = events.iter().map(|event| event.id()).collect();
            ids.sort();
            ids.dedup();
            for id in ids {
                match registry.refresh(id).await {
                    Err(error) if error.is_passing() => return Err(error),
                    // The others must not wait for one that no waiting will mend.
                    Err(error) => {
                        tracing::error!(provider.id = %id, %error, "a provider cannot be read");
                    }
                    Ok(()) => {}
                }
            }
        }
        let mut subscription = log.subscribe(after);
        let following = registry.clone();
        tokio::spawn(async move {
            loop {
                match subscription.next().await {
                    Ok(events) => {
                        for event in events {
                            if event.aggregate_type == Provider::TYPE {
                                following.refresh_or_warn(event.id()).await;
                            }
                        }
                    }
                    Err(StoreError::Closed) => return,
                    Err(error) => {
                        tracing::warn!(%error, "providers cannot be followed");
                        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                    }
                }
            }
        });
        Ok(registry)
    }

    async fn refresh_or_warn(&self, id: Id<Provider>) {
        if let Err(error) = self.refresh(id).await {
            tracing::warn!(provider.id = %id, %error, "a provider cannot be read");
        }
    }

    async fn refresh(&self, id: Id<Provider>) -> Result<(), StoreError> {
        let provider = self.0.store.load(id).await?.aggregate;
        let details = provider.details().cloned();
        let replaced = {
            let mut entries = lock(&self.0.entries);
            let known = entries.iter().position(|entry| entry.id == id);
            match (known, details) {
                (None, None) => None,
                (Some(at), None) => entries.remove(at).gateway.ok(),
                (Some(at), Some(details)) if same_wire(&entries[at].details, &details) => {
                    entries[at].details = details;
                    None
                }
                (known, Some(details)) => {
                    let gateway = self.connect(id, &details);
                    let entry = Entry {
                        id,
                        details,
                        gateway,
                        credit: 0.0,
                        rate: Rate::new(),
                    };
                    match known {
                        Some(at) => std::mem::replace(&mut entries[at], entry).gateway.ok(),
                        None => {
                            entries.push(entry);
                            None
                        }
                    }
                }
            }
        };
        if let Some(old) = replaced {
            // Attempts under way keep it alive; its idle connections go at once.
            tokio::spawn(async move { old.gateway.close().await });
        }
        Ok(())
    }

    fn connect(&self, id: Id<Provider>, details: &ProviderDetails) -> Result<Channel, String> {
        let gateway = connect(&self.0, id, details)?;
        let permits = Arc::new(Semaphore::new(gateway.channels()));
        Ok(Channel {
            provider: id,
            gateway,
            permits,
        })
    }

    /// The next provider for a service, those in `avoid` only if there is no other.
    /// Over time each gets a share in proportion to 1/weight.
    pub fn pick(&self, service: Service, avoid: &[i64]) -> Option<Channel> {
        let mut entries = lock(&self.0.entries);
        let usable = |entry: &Entry| {
            entry.gateway.is_ok() && entry.details.serves(service) && self.is_here(entry)
        };
        let fresh = |entry: &Entry| usable(entry) && !avoid.contains(&entry.id.get());
        let mut among: Vec<&mut Entry> = entries.iter_mut().filter(|entry| fresh(entry)).collect();
        if among.is_empty() {
            among = entries.iter_mut().filter(|entry| usable(entry)).collect();
        }
        let mut total = 0.0;
        for entry in &mut among {
            let share = 1.0 / f64::from(entry.details.weight);
            entry.credit += share;
            total += share;
        }
        let picked = among
            .into_iter()
            .max_by(|a, b| a.credit.total_cmp(&b.credit).then_with(|| b.id.cmp(&a.id)))?;
        picked.credit -= total;
        picked.gateway.as_ref().ok().cloned()
    }

    /// The services that can be sent by now, as `service_flag` bits.
    pub fn services(&self) -> Vec<i32> {
        let entries = lock(&self.0.entries);
        let served = |service: &Service| {
            entries.iter().any(|entry| {
                entry.gateway.is_ok() && entry.details.serves(*service) && self.is_here(entry)
            })
        };
        Service::ALL
            .into_iter()
            .filter(served)
            .map(Service::flag)
            .collect()
    }

    /// How many attempts make sense at the same time, over all providers.
    pub fn channels(&self) -> usize {
        let entries = lock(&self.0.entries);
        let gateways = entries
            .iter()
            .filter_map(|entry| entry.gateway.as_ref().ok());
        gateways.map(|channel| channel.gateway.channels()).sum()
    }

    /// Whether it may be used on this node.
    fn is_here(&self, entry: &Entry) -> bool {
        let node = self.0.installation.node_id;
        let pinned = entry.details.node_id;
        pinned.is_none_or(|wanted| Some(wanted) == node)
    }

    /// The number of this node.
    pub(crate) fn node_id(&self) -> Option<i32> {
        self.0.installation.node_id
    }

    /// Counts an attempt that goes on the wire.
    pub(crate) fn count(&self, provider: Id<Provider>) {
        let mut entries = lock(&self.0.entries);
        if let Some(entry) = entries.iter_mut().find(|entry| entry.id == provider) {
            entry.rate.count();
        }
    }

    /// What is known here of every provider that may be used here.
    pub(crate) fn health(&self) -> Vec<ProviderHealth> {
        let mut entries = lock(&self.0.entries);
        let here = entries.iter_mut().filter(|entry| self.is_here(entry));
        here.map(|entry| {
            let known = match &entry.gateway {
                Ok(channel) => channel.gateway.health(),
                Err(reason) => Health {
                    last_error: Some(reason.clone()),
                    ..Health::default()
                },
            };
            ProviderHealth {
                provider_id: entry.id.get(),
                reachable: known.reachable,
                registered: known.registered,
                last_error: known.last_error,
                in_flight: i32::try_from(known.in_flight).unwrap_or(i32::MAX),
                rate: i32::try_from(entry.rate.of_last_minute()).unwrap_or(i32::MAX),
            }
        })
        .collect()
    }

    /// What `/readyz` says of the gateways.
    pub fn status(&self) -> Value {
        let entries = lock(&self.0.entries);
        let row = |entry: &Entry| {
            let health = entry
                .gateway
                .as_ref()
                .map(|channel| channel.gateway.health());
            let (health, error) = match health {
                Ok(health) => (health.clone(), health.last_error),
                Err(reason) => (Health::default(), Some(reason.clone())),
            };
            json!({
                "provider_id": entry.id,
                "type": entry.details.kind.as_str(),
                "active": entry.details.active,
                "reachable": health.reachable,
                "in_flight": health.in_flight,
                "last_error": error,
            })
        };
        entries.iter().map(row).collect()
    }

    /// Closes what is kept open.
    pub async fn close(&self) {
        let channels: Vec<Channel> = {
            let entries = lock(&self.0.entries);
            entries
                .iter()
                .filter_map(|entry| entry.gateway.clone().ok())
                .collect()
        };
        for channel in channels {
            channel.gateway.close().await;
        }
    }
}

/// The adapter of a provider, by its type; or why there is none.
fn connect(
    inner: &Inner,
    id: Id<Provider>,
    details: &ProviderDetails,
) -> Result<Arc<dyn Gateway>, String> {
    // Sending asks the same question before it queues anything.
    if !details.kind.has_gateway() {
        return Err(no_gateway(details.kind));
    }
    match details.kind {
        ProviderKind::Sandbox => {
            let pool = inner.store.pool().clone();
            Ok(Arc::new(SandboxGateway::new(id, pool)))
        }
        ProviderKind::Smtp => smtp(inner, id, details),
        kind @ (ProviderKind::Sip | ProviderKind::Smpp | ProviderKind::Http) => {
            Err(no_gateway(kind))
        }
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
    config.username = details.username.as_ref().map(ToString::to_string);
    if let Some(sealed) = &details.password {
        let opened = inner.store.vault().open(PASSWORD, sealed);
        let opened = opened.map_err(|error| error.to_string())?;
        let text = std::str::from_utf8(&opened).map_err(|_| "its password is no text")?;
        config.password = Some(SecretString::from(text));
    }
    let gateway = SmtpGateway::new(config, eventstore::clock::now);
    Ok(Arc::new(gateway.map_err(|error| error.to_string())?))
}

/// Whether a change leaves everything as it was that the adapter was made of.
fn same_wire(old: &ProviderDetails, new: &ProviderDetails) -> bool {
    let wire = |details: &ProviderDetails| {
        (
            details.kind,
            details.host.clone(),
            details.port,
            details.username.clone(),
            details.password.clone(),
            details.settings.clone(),
            details.secrets.clone(),
        )
    };
    wire(old) == wire(new)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
