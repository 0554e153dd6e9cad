//! Routing: the choice of a provider for an attempt.

use domain::{
    Id,
    access::Tenant,
    delivery::{Provider, ProviderKind, SenderAddress},
    flow::Service,
};
use tokio::time::Instant;

use super::{Channel, Entry, Registry, Trial, adapters, lock};
use dispatch::permits::Permits;

/// A provider with a concurrency limit.
pub(crate) struct Limited {
    pub provider: Id<Provider>,
    pub limit: u32,
    pub permits: Permits,
    /// The number of concurrent attempts that its adapter can use.
    pub channels: usize,
}

impl Registry {
    /// Picks the next provider of the installation or of a tenant for a service and for messages
    /// from this sender: those in `avoid` only if there is no other, and none whose circuit is
    /// open, whose rate is used up or which has no seat for an attempt, of a campaign if `bulk`.
    /// Over time each provider that can be picked gets a share in proportion to 1/weight.
    ///
    /// # Errors
    /// If there is none: the time from which on there may be one, if any provider serves it.
    pub(crate) fn pick(
        &self,
        tenant: Id<Tenant>,
        (service, bulk): (Service, bool),
        sender: Option<&SenderAddress>,
        avoid: &[i64],
    ) -> Result<(Channel, Trial), Option<Instant>> {
        let carries = |entry: &Entry| self.carries(entry, tenant, service, sender);
        self.pick_among(carries, Some((service, bulk)), avoid)
    }

    /// The provider of an inbound session, if it is active and serves the service here. Its circuit
    /// does not matter: the remote side was reached already.
    pub(crate) fn of_session(
        &self,
        provider: Id<Provider>,
        service: Service,
    ) -> Option<(Channel, Trial)> {
        let entries = lock(&self.0.entries);
        let mut entries = entries.iter();
        let entry = entries.find(|it| it.id == provider && self.serves(it, service))?;
        let channel = entry.gateway.as_ref().ok()?.clone();
        let seat = channel.seats.take(service, false);
        let trial = channel.load.admit(Some(seat));
        Some((channel, trial))
    }

    /// The reason for which no provider of a service, wherever it runs, can carry messages
    /// from this sender, if there are providers and none can.
    pub(crate) fn refusal(
        &self,
        tenant: Id<Tenant>,
        service: Service,
        sender: Option<&SenderAddress>,
    ) -> Option<&'static str> {
        let entries = lock(&self.0.entries);
        let serving = entries.iter();
        let serving = serving.filter(|it| it.details.is_for(tenant) && it.details.serves(service));
        let mut refused = None;
        for channel in serving.filter_map(|entry| entry.gateway.as_ref().ok()) {
            refused = Some(channel.gateway.accepts(sender).err()?);
        }
        refused
    }

    /// As [`Registry::pick`], among the providers that show their messages to no user: those of
    /// the installation but the sandbox. A tenant may read what goes through its own. Needs no
    /// seat, since it is not for an attempt of the queue.
    pub(crate) fn pick_confidential(
        &self,
        service: Service,
        avoid: &[i64],
    ) -> Result<(Channel, Trial), Option<Instant>> {
        let serves = |entry: &Entry| self.serves_confidentially(entry, service);
        self.pick_among(serves, None, avoid)
    }

    /// True if a provider of the installation other than the sandbox serves the service.
    pub(crate) fn carries_confidential(&self, service: Service) -> bool {
        let entries = lock(&self.0.entries);
        entries
            .iter()
            .any(|entry| self.serves_confidentially(entry, service))
    }

    fn serves_confidentially(&self, entry: &Entry, service: Service) -> bool {
        let is_installations = entry.details.tenant_id.is_none();
        is_installations
            && self.serves(entry, service)
            && entry.details.kind != ProviderKind::Sandbox
    }

    fn pick_among(
        &self,
        serves: impl Fn(&Entry) -> bool,
        seat: Option<(Service, bool)>,
        avoid: &[i64],
    ) -> Result<(Channel, Trial), Option<Instant>> {
        let mut entries = lock(&self.0.entries);
        let now = Instant::now();
        let open = |entry: &Entry| serves(entry) && entry.refuses_until(now).is_none();
        let seated = |entry: &Entry| seat.is_none_or(|(of, bulk)| entry.has_seat(of, bulk));
        let ready = |entry: &Entry| open(entry) && seated(entry);
        let fresh = |entry: &Entry| ready(entry) && !avoid.contains(&entry.id.get());
        let mut among: Vec<&mut Entry> = entries.iter_mut().filter(|entry| fresh(entry)).collect();
        if among.is_empty() {
            among = entries.iter_mut().filter(|entry| ready(entry)).collect();
        }
        let mut total = 0.0;
        for entry in &mut among {
            let share = 1.0 / f64::from(entry.details.weight);
            entry.credit += share;
            total += share;
        }
        let picked = among
            .into_iter()
            .max_by(|a, b| a.credit.total_cmp(&b.credit).then_with(|| b.id.cmp(&a.id)));
        if let Some(picked) = picked {
            picked.credit -= total;
            if let Ok(channel) = &picked.gateway {
                let seat = seat.map(|(of, bulk)| channel.seats.take(of, bulk));
                return Ok((channel.clone(), channel.load.admit(seat)));
            }
        }
        if let Some(full) = entries.iter().find(|entry| open(entry)) {
            return Err(full.returns_at(now));
        }
        let serving = entries.iter().filter(|entry| serves(entry));
        Err(serving.filter_map(|entry| entry.refuses_until(now)).min())
    }

    /// True if a provider with a closed circuit that has not been tried can send the message at
    /// once.
    pub(crate) fn elsewhere(
        &self,
        tenant: Id<Tenant>,
        (service, sender): (Service, Option<&SenderAddress>),
        tried: &[i64],
        last: Id<Provider>,
    ) -> bool {
        let entries = lock(&self.0.entries);
        entries.iter().any(|entry| {
            let untried = entry.id != last && !tried.contains(&entry.id.get());
            let works = entry.gateway.as_ref().is_ok_and(|it| it.load.works());
            untried && works && self.carries(entry, tenant, service, sender)
        })
    }

    /// True if some provider can start an attempt of this service now.
    pub(crate) fn is_open(&self, service: Service) -> bool {
        let now = Instant::now();
        lock(&self.0.entries)
            .iter()
            .any(|entry| self.serves(entry, service) && entry.refuses_until(now).is_none())
    }

    /// The services that can be sent now without regard to a rate limit, as `service_flag`
    /// bits: some open provider without a limit serves them.
    pub fn services(&self) -> Vec<i32> {
        let room = self.room();
        let free = room.into_iter().filter(|(_, room)| room.is_none());
        free.map(|(service, _)| service).collect()
    }

    /// The services that can be sent now within a rate limit only, each with the most attempts to
    /// claim: all open providers that serve it have a limit, and more attempts would only wait.
    pub fn rationed(&self) -> Vec<(i32, usize)> {
        let room = self.room();
        let rationed = room.into_iter();
        rationed
            .filter_map(|(service, room)| Some((service, room?)))
            .collect()
    }

    /// For each service that can be sent now, the number of further attempts that can start
    /// within about a second; `None`: any number.
    fn room(&self) -> Vec<(i32, Option<usize>)> {
        let entries = lock(&self.0.entries);
        let now = Instant::now();
        let room = |service: Service| {
            let mut open = entries
                .iter()
                .filter(|entry| self.serves(entry, service) && entry.refuses_until(now).is_none())
                .peekable();
            open.peek()?;
            let sum = open.try_fold(0, |sum: usize, entry| Some(sum + entry.room()?));
            Some((service.flag(), sum))
        };
        Service::ALL.into_iter().filter_map(room).collect()
    }

    /// The providers that may be used on this node and have a concurrency limit.
    pub(crate) fn limited(&self) -> Vec<Limited> {
        let entries = lock(&self.0.entries);
        let here = entries.iter().filter(|entry| self.is_here(entry));
        here.filter_map(|entry| {
            let channel = entry.gateway.as_ref().ok()?;
            Some(Limited {
                provider: entry.id,
                limit: entry.details.channel_limit?,
                permits: channel.permits.clone(),
                channels: channel.gateway.channels(),
            })
        })
        .collect()
    }

    /// Waits until an attempt waits for a permit, or a limit has changed.
    pub(crate) async fn short(&self) {
        self.0.short.notified().await;
    }

    fn carries(
        &self,
        entry: &Entry,
        tenant: Id<Tenant>,
        service: Service,
        sender: Option<&SenderAddress>,
    ) -> bool {
        let gateway = entry.gateway.as_ref().ok();
        let accepts = gateway.is_some_and(|it| it.gateway.accepts(sender).is_ok());
        accepts && entry.details.is_for(tenant) && self.serves(entry, service)
    }

    pub(super) fn serves(&self, entry: &Entry, service: Service) -> bool {
        entry.gateway.is_ok() && entry.details.serves(service) && self.is_here(entry)
    }

    /// True if the provider is active and may be used on this node.
    pub(super) fn is_used(&self, entry: &Entry) -> bool {
        entry.details.active && self.is_here(entry)
    }

    /// True if the provider may be used on this node: it is pinned to none, or to this one.
    pub(super) fn is_here(&self, entry: &Entry) -> bool {
        let node = self.0.installation.node_id;
        let pinned = entry.details.node_id;
        pinned.is_none_or(|wanted| Some(wanted) == node)
    }

    /// The number of this node.
    pub(crate) fn node_id(&self) -> Option<i32> {
        self.0.installation.node_id
    }
}

impl Entry {
    fn refuses_until(&self, now: Instant) -> Option<Instant> {
        self.gateway.as_ref().ok()?.load.refuses_until(now)
    }

    /// The number of attempts of a service that it can make at the same time.
    pub(super) fn channels(&self) -> Option<usize> {
        let channels = self.gateway.as_ref().ok()?.gateway.channels();
        let limit = self.details.channel_limit.map(|limit| limit as usize);
        Some(limit.map_or(channels, |limit| channels.min(limit)))
    }

    /// The number of further attempts that can start within about a second; `None` without a
    /// rate limit.
    fn room(&self) -> Option<usize> {
        let limit = adapters::rate_limit(&self.details)? as usize;
        let waiting = self.gateway.as_ref().ok()?.load.waiting();
        Some(limit.saturating_sub(waiting))
    }
}
