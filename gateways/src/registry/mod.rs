//! The registry of providers, kept up to date from the log, each with its adapter; and the
//! choice among them.
//!
//! The list of adapters by provider type is [`adapters::connect`].

mod adapters;
mod choice;
mod load;
mod rate;
mod seats;
#[cfg(test)]
mod tests;
mod told;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use async_trait::async_trait;
use cqrs_es::Aggregate;
use dispatch::permits::{Permit, Permits};
use domain::{
    Id,
    delivery::{Provider, ProviderDetails},
    flow::Service,
};
use eventstore::{
    Recorded, Store, StoreError,
    subscriber::{Observer, observe, read_on},
};
use futures::FutureExt as _;
use secrecy::SecretSlice;
use tokio::sync::Notify;

use self::{
    adapters::same_wire,
    load::Load,
    seats::{Pools, Seats},
};
use crate::{
    Gateway, callbacks::Addresses, endpoints::Endpoints, inbox::Inbox, network::ProviderNetworks,
};

pub(crate) use choice::Limited;
pub(crate) use load::Trial;
pub(crate) use seats::Openings;

/// The settings of the installation that adapters need.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The host name used where a provider names none.
    pub domain: String,
    /// The key that signs return paths (VERP).
    pub tag_key: SecretSlice<u8>,
    /// The signed URLs for reports and for unsubscribing.
    pub addresses: Addresses,
    /// The number of this node; providers pinned to another are not used here.
    pub node_id: Option<i32>,
    /// The networks that providers may be in.
    pub networks: ProviderNetworks,
}

/// The providers, kept up to date from the log. Clones share them.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    store: Store,
    installation: Installation,
    /// The endpoints that providers share, whatever becomes of their settings.
    endpoints: Endpoints,
    entries: Mutex<Vec<Entry>>,
    /// The attempts that have picked a provider, by tenant of the provider.
    pools: Mutex<Pools>,
    /// The inbox of inbound items, set once a worker runs in this process.
    inbox: OnceLock<Arc<dyn Inbox>>,
    /// Notified when an attempt waits for a permit, or a limit has changed.
    short: Arc<Notify>,
}

struct Entry {
    id: Id<Provider>,
    details: ProviderDetails,
    /// The adapter, or the reason for which there is none.
    gateway: Result<Channel, String>,
    /// The credit in smooth weighted round robin: the highest is picked next.
    credit: f64,
}

/// A provider that was picked.
#[derive(Clone)]
pub struct Channel {
    /// The provider's id.
    pub provider: Id<Provider>,
    /// The provider's adapter.
    pub gateway: Arc<dyn Gateway>,
    /// The concurrency limit of its attempts.
    permits: Permits,
    /// The concurrency limits of each service: attempts that last leave those of others to them.
    lines: Lines,
    /// The attempts that have picked it and not ended.
    seats: Seats,
    /// Its circuit breaker and counts.
    load: Arc<Load>,
    /// The most starts in any second, over all workers.
    pub rate_limit: Option<u32>,
}

/// The permits of an attempt: of its service at the provider, and of the provider.
#[derive(Debug)]
pub(crate) struct Place {
    _of_service: Permit,
    _of_provider: Permit,
}

/// The concurrency limits of a provider by service, each of them the number of attempts that its
/// adapter can make at the same time.
#[derive(Clone, Debug)]
struct Lines(ByService<Permits>);

impl Lines {
    fn new() -> Self {
        // No worker waits for a notification about these permits.
        let unheard = Arc::new(Notify::new());
        let line = |_| Permits::new(0, Arc::clone(&unheard));
        Self(ByService(std::array::from_fn(line)))
    }

    fn resize(&self, size: usize) {
        let ByService(lines) = &self.0;
        for line in lines {
            line.resize(size);
        }
    }
}

/// One of each service.
#[derive(Clone, Debug, Default)]
struct ByService<T>([T; Service::ALL.len()]);

impl<T> ByService<T> {
    fn get(&self, service: Service) -> &T {
        let [voice, fax, sms, email] = &self.0;
        match service {
            Service::Voice => voice,
            Service::Fax => fax,
            Service::Sms => sms,
            Service::Email => email,
        }
    }
}

impl Channel {
    /// Waits for a permit for one more attempt. Attempts of campaigns (`bulk`) leave some
    /// permits to others and wait behind them.
    pub(crate) async fn permit(&self, service: Service, bulk: bool) -> Place {
        Place {
            _of_service: self.lines.0.get(service).acquire(bulk).await,
            _of_provider: self.permits.acquire(bulk).await,
        }
    }
}

impl Channel {
    /// A permit for one more attempt, if one is free now.
    pub(crate) fn free_permit(&self, service: Service) -> Option<Place> {
        self.permit(service, false).now_or_never()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registry")
    }
}

impl Registry {
    /// Reads the providers from the log and subscribes to their changes.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub async fn follow(store: Store, installation: Installation) -> Result<Self, StoreError> {
        let registry = Self(Arc::new(Inner {
            store,
            installation,
            endpoints: Endpoints::default(),
            entries: Mutex::default(),
            pools: Mutex::default(),
            inbox: OnceLock::new(),
            short: Arc::new(Notify::new()),
        }));
        let log = registry.0.store.log().clone();
        let mut following = Following(registry.clone());
        let position = read_on(&log, &mut following).await?;
        tokio::spawn(observe(log, position, following));
        Ok(registry)
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
                    self.limit(&mut entries[at], details);
                    None
                }
                (known, Some(details)) => {
                    // Attempts in flight at the old adapter keep their permits.
                    let kept = known.and_then(|at| entries[at].gateway.as_ref().ok());
                    let kept =
                        kept.map(|it| (it.permits.clone(), it.lines.clone(), it.seats.clone()));
                    let gateway = self.connect(id, &details, kept);
                    let entry = Entry {
                        id,
                        details,
                        gateway,
                        credit: 0.0,
                    };
                    self.welcome(&entry);
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
            // Attempts in flight keep it alive; its idle connections are closed at once.
            tokio::spawn(async move { old.gateway.close().await });
        }
        Ok(())
    }

    /// Begins to pass what the remote sides send by themselves to this inbox.
    pub fn listen(&self, inbox: Arc<dyn Inbox>) {
        let entries = lock(&self.0.entries);
        if self.0.inbox.set(inbox).is_err() {
            return;
        }
        for entry in entries.iter() {
            self.welcome(entry);
        }
    }

    /// Lets an adapter listen, if there is an inbox and the provider is used on this node.
    fn welcome(&self, entry: &Entry) {
        if let (Some(inbox), Ok(channel)) = (self.0.inbox.get(), &entry.gateway)
            && self.is_used(entry)
        {
            channel.gateway.listen(Arc::clone(inbox));
        }
    }

    fn connect(
        &self,
        id: Id<Provider>,
        details: &ProviderDetails,
        kept: Option<(Permits, Lines, Seats)>,
    ) -> Result<Channel, String> {
        let gateway = adapters::connect(&self.0, id, details)?;
        let size = channels(gateway.as_ref(), details.channel_limit);
        let new = || {
            let permits = Permits::new(0, Arc::clone(&self.0.short));
            let seats = lock(&self.0.pools).seats(details.tenant_id);
            (permits, Lines::new(), seats)
        };
        let (permits, lines, seats) = kept.unwrap_or_else(new);
        permits.resize(size);
        lines.resize(gateway.channels());
        self.0.short.notify_one();
        Ok(Channel {
            provider: id,
            gateway,
            permits,
            lines,
            seats,
            load: Arc::default(),
            rate_limit: adapters::rate_limit(details),
        })
    }

    /// Applies a change that leaves the adapter as it is: details and limits.
    fn limit(&self, entry: &mut Entry, details: ProviderDetails) {
        if let Ok(channel) = &mut entry.gateway {
            channel.rate_limit = adapters::rate_limit(&details);
            if details.channel_limit != entry.details.channel_limit {
                let size = channels(channel.gateway.as_ref(), details.channel_limit);
                channel.permits.resize(size);
                self.0.short.notify_one();
            }
        }
        entry.details = details;
    }

    /// Closes the adapters' connections.
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

/// Keeps a registry up to date.
struct Following(Registry);

#[async_trait]
impl Observer for Following {
    fn name(&self) -> &'static str {
        "providers"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[Provider::TYPE]
    }

    /// Reads the providers anew that changed. A permanent error of one of them must not keep the
    /// others from being read.
    async fn observe(&mut self, events: &[Arc<Recorded>]) -> Result<(), StoreError> {
        let ids: BTreeSet<Id<Provider>> = events.iter().map(|event| event.id()).collect();
        for id in ids {
            match self.0.refresh(id).await {
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    tracing::error!(provider.id = %id, %error, "a provider cannot be read");
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

/// The permits at the start: with a concurrency limit none, until the database grants some;
/// without one as many as all services together can use.
fn channels(gateway: &dyn Gateway, limit: Option<u32>) -> usize {
    match limit {
        None => gateway.channels().saturating_mul(Service::ALL.len()),
        Some(_) => 0,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
