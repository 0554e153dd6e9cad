//! Seats: the claimed attempts that have picked a provider, until they end. They are bounded for
//! each provider and for the providers of each tenant together, so that what waits for one of
//! them takes no capacity from the others.

use std::{collections::HashMap, sync::Arc};

use dispatch::{
    capacity::{Bound, Counted, Held, InFlight},
    return_times::ReturnTimes,
};
use domain::{Id, access::Tenant, flow::Service};
use tokio::time::Instant;

use super::{ByService, Entry, Registry, lock};

/// The seats of one provider; clones share them.
#[derive(Clone)]
pub(super) struct Seats {
    own: ByService<InFlight>,
    pool: Pool,
    returns: Arc<ReturnTimes>,
}

/// A seat of an attempt, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    _at_provider: Counted,
    _in_pool: Counted,
}

/// The seats of all providers of the installation, or of a tenant.
#[derive(Clone)]
struct Pool {
    taken: ByService<InFlight>,
    bound: Bound,
    /// The returns to providers of a tenant, which are one line: the more providers it has, the
    /// more claims they would cost otherwise.
    returns: Option<Arc<ReturnTimes>>,
}

/// The pools by tenant, that of the installation under `None`. It has an entry for each tenant
/// that has had a provider.
#[derive(Default)]
pub(super) struct Pools(HashMap<Option<Id<Tenant>>, Pool>);

/// The bound of the providers of the installation, or of a tenant, together.
fn bound_of_pool(tenant: Option<Id<Tenant>>) -> Bound {
    tenant.map_or(Bound::INSTALLATION, |_| Bound::TENANT)
}

impl Pool {
    fn free(&self, service: Service) -> Held {
        self.bound.free(self.taken.get(service).held())
    }
}

impl Pools {
    /// The seats of a new provider.
    pub fn seats(&mut self, tenant: Option<Id<Tenant>>) -> Seats {
        let pool = self.0.entry(tenant).or_insert_with(|| Pool {
            taken: ByService::default(),
            bound: bound_of_pool(tenant),
            returns: tenant.map(|_| Arc::default()),
        });
        Seats {
            own: ByService::default(),
            pool: pool.clone(),
            returns: pool.returns.clone().unwrap_or_default(),
        }
    }

    /// The free seats of a pool.
    fn free(&self, tenant: Option<Id<Tenant>>, service: Service) -> Held {
        self.0
            .get(&tenant)
            .map(|pool| pool.free(service))
            .unwrap_or_default()
    }

    /// The attempts of a service that have a seat.
    fn taken(&self, service: Service) -> Held {
        let pools = self.0.values();
        pools.fold(Held::default(), |sum, pool| {
            sum.plus(pool.taken.get(service).held())
        })
    }
}

impl Seats {
    /// Takes a seat.
    pub fn take(&self, service: Service, bulk: bool) -> Seat {
        Seat {
            _at_provider: self.own.get(service).count(bulk),
            _in_pool: self.pool.taken.get(service).count(bulk),
        }
    }

    /// The seats that are free at a provider with this bound.
    fn free(&self, service: Service, bound: Bound) -> Held {
        let own = bound.free(self.own.get(service).held());
        own.min(self.pool.free(service))
    }
}

/// Capacity for further attempts: the free seats, and the bound that they are a part of.
#[derive(Clone, Copy, Default)]
struct Vacancies {
    free: Held,
    bound: Bound,
}

impl Vacancies {
    /// Those within a bound, as far as they are worth a claim.
    fn within(bound: Bound, free: Held) -> Self {
        let free = bound.worthwhile(free);
        let bound = if free.all > 0 {
            bound
        } else {
            Bound::default()
        };
        Self { free, bound }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            free: self.free.plus(other.free),
            bound: self.bound.plus(other.bound),
        }
    }

    fn min(self, other: Self) -> Self {
        Self {
            free: self.free.min(other.free),
            bound: self.bound.min(other.bound),
        }
    }

    fn max(self, other: Self) -> Self {
        Self {
            free: self.free.max(other.free),
            bound: self.bound.max(other.bound),
        }
    }
}

impl Entry {
    /// True if there is a seat for an attempt.
    pub(super) fn has_seat(&self, service: Service, bulk: bool) -> bool {
        let free = |seats: &Seats| seats.free(service, self.bound()).in_lane(bulk) > 0;
        self.gateway.as_ref().is_ok_and(|it| free(&it.seats))
    }

    /// The time at which an attempt that found no seat returns.
    pub(super) fn returns_at(&self, now: Instant) -> Option<Instant> {
        let channel = self.gateway.as_ref().ok()?;
        let started = channel.load.started_in_last_second() as usize;
        let channels = self.channels().unwrap_or_default();
        Some(channel.seats.returns.next(now, channels, started))
    }

    fn bound(&self) -> Bound {
        let bound = Bound::of_channels(self.channels().unwrap_or_default());
        bound.min(bound_of_pool(self.details.tenant_id))
    }

    fn vacancies(&self, service: Service) -> Vacancies {
        let bound = self.bound();
        let seats = self.gateway.as_ref().map(|it| &it.seats);
        seats.map_or_else(
            |_| Vacancies::default(),
            |seats| Vacancies::within(bound, seats.free(service, bound)),
        )
    }
}

/// The capacity of a service for further attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Openings {
    /// The attempts to claim.
    pub free: Held,
    /// True if claimed attempts that have picked no provider yet leave none to be claimed: there
    /// may be more when they have.
    pub undecided: bool,
}

impl Registry {
    /// The further attempts of a service to claim, while so many are held: as many as the
    /// installation's providers have seats for, and one of the tenants'. The provider that an
    /// attempt picks shows only after the claim, and few should find it full.
    pub(crate) fn openings(&self, service: Service, held: impl FnOnce() -> Held) -> Openings {
        let vacancies = self.vacancies(service);
        let taken = lock(&self.0.pools).taken(service);
        let unseated = held().minus(taken);
        let free = vacancies.bound.worthwhile(vacancies.free.minus(unseated));
        let undecided = free.all == 0 && vacancies.free.all > 0;
        Openings { free, undecided }
    }

    fn vacancies(&self, service: Service) -> Vacancies {
        let entries = lock(&self.0.entries);
        let serving = entries.iter().filter(|entry| self.serves(entry, service));
        let mut serving = serving.peekable();
        if serving.peek().is_none() {
            // For attempts whose deadline has passed.
            let bound = Bound::of_channels(0);
            return Vacancies::within(bound, bound.free(Held::default()));
        }
        let (mut shared, mut own) = (Vacancies::default(), Vacancies::default());
        for entry in serving {
            let vacancies = entry.vacancies(service);
            match entry.details.tenant_id {
                None => shared = shared.plus(vacancies),
                Some(_) => own = own.max(vacancies),
            }
        }
        let pool = lock(&self.0.pools).free(None, service);
        let pool = Vacancies::within(Bound::INSTALLATION, pool);
        shared.min(pool).plus(own)
    }
}
