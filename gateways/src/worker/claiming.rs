//! Claiming: takes attempts from the queue and sets them going.
//!
//! Each service has its own capacity: a thousand calls that last leave that of mails as it is. It
//! is what the providers of the service have seats for, so that none of them takes that of another.
//! Campaigns never use all of it, and reading the data of many of their attempts does not hold up
//! the next claim: single sends are claimed as soon as they are queued.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use dispatch::{
    WorkSignal,
    queue::{self, Job, Room, Wanted},
};
use domain::{Id, delivery::Transmission, flow::Service};
use eventstore::{StoreError, clock};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::task::TaskTracker;

use super::{NO_PROVIDER_PAUSE, POLL, Shared, attempt::Attempt, suppression_check};
use crate::registry::Openings;

/// The most attempts that are claimed at once.
const CLAIM: usize = 256;
/// The time after a claim of [`CLAIM`] attempts of campaigns until the next one for campaigns, and
/// the least: a claim costs a transaction, however few attempts it finds. In between it is in
/// proportion, since a provider that makes few attempts at a time has capacity again sooner.
const BULK_PAUSE: Duration = Duration::from_millis(25);
const MIN_BULK_PAUSE: Duration = Duration::from_millis(5);

/// Claims for as long as the worker runs.
pub(super) async fn run(shared: Arc<Shared>, queued: WorkSignal, tasks: TaskTracker) {
    let mut swept_at = Instant::now();
    let mut bulk_at = Instant::now();
    // Held while attempts of campaigns are being set going; no more of them are claimed then.
    let turn = Arc::new(Semaphore::new(1));
    // True if the queue may have single sends.
    let mut hungry = true;
    // The services without capacity at the last look.
    let mut full = Vec::new();
    while !shared.stopping.is_cancelled() {
        let sweep = swept_at.elapsed() >= NO_PROVIDER_PAUSE;
        if sweep {
            swept_at = Instant::now();
        }
        let early = Instant::now() < bulk_at;
        let bulk_turn = Arc::clone(&turn).try_acquire_owned();
        let bulk_turn = bulk_turn.ok().filter(|_| !early);
        // Before the look, since an attempt may pick its provider during it.
        shared.undecided.store(true, Ordering::Relaxed);
        let capacity = Capacity::measure(&shared, bulk_turn.is_some());
        // Attempts may have been left in the queue for want of capacity.
        hungry |= full.iter().any(|service| capacity.room(*service).all > 0);
        full = capacity.full();
        shared
            .undecided
            .fetch_and(capacity.undecided, Ordering::Relaxed);
        let left = !capacity.rationed.is_empty();
        if !hungry && !sweep && !capacity.has_bulk() {
            hungry = wait(&shared, &queued, bulk_at).await || left;
            continue;
        }
        let claimed = match claim_some(&shared, &capacity, sweep).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::warn!(%error, "the dispatch queue does not answer");
                sleep(POLL).await;
                continue;
            }
        };
        let bulk = claimed.iter().filter(|job| is_bulk(job)).count();
        if bulk > 0 {
            bulk_at = Instant::now() + pause_after(bulk);
        }
        if claimed.is_empty() {
            drop(bulk_turn);
            hungry = wait(&shared, &queued, bulk_at).await || left;
        } else {
            hungry = left || capacity.is_used_up(&claimed);
            set_going(&shared, claimed, bulk_turn, &tasks);
        }
    }
}

/// Waits until there may be something to claim; true if that may include single sends.
async fn wait(shared: &Shared, queued: &WorkSignal, bulk_at: Instant) -> bool {
    let now = Instant::now();
    tokio::select! {
        () = queued.notified() => true,
        () = shared.returned.notified() => true,
        () = shared.freed.notified() => false,
        () = sleep_until(bulk_at), if bulk_at > now => false,
        () = shared.stopping.cancelled() => false,
        () = sleep(POLL) => true,
    }
}

/// The capacity for further attempts.
struct Capacity {
    /// That of each service.
    rooms: [Room; Service::ALL.len()],
    /// True if that of a service may grow when attempts pick their providers.
    undecided: bool,
    /// The most attempts of each service that all open providers limit in rate.
    rationed: Vec<(i32, usize)>,
}

impl Capacity {
    fn measure(shared: &Shared, bulk_turn: bool) -> Self {
        let openings = Service::ALL.map(|service| {
            let held = || shared.leases.held(service.flag());
            (service, shared.registry.openings(service, held))
        });
        Self {
            rooms: openings.map(|(service, it)| room(service, it, bulk_turn)),
            undecided: openings.iter().any(|(_, it)| it.undecided),
            rationed: shared.registry.rationed(),
        }
    }

    fn room(&self, service: i32) -> Room {
        let found = self.rooms.iter().find(|room| room.service == service);
        found.copied().unwrap_or(Room {
            service,
            all: 0,
            bulk: 0,
        })
    }

    /// The services that have no capacity.
    fn full(&self) -> Vec<i32> {
        let full = self.rooms.iter().filter(|room| room.all == 0);
        full.map(|room| room.service).collect()
    }

    fn has_bulk(&self) -> bool {
        self.rooms.iter().any(|room| room.bulk > 0)
    }

    /// True if these attempts are as many as could be claimed, of a service or in all.
    fn is_used_up(&self, claimed: &[Job]) -> bool {
        let of = |room: &Room| {
            let jobs = claimed.iter();
            jobs.filter(|job| i32::from(job.service) == room.service)
                .count()
        };
        let is_full = |room: &Room| room.all > 0 && of(room) >= room.all;
        claimed.len() >= CLAIM || self.rooms.iter().any(is_full)
    }
}

impl Shared {
    /// True if there is capacity for one more attempt of a service that others make.
    pub(super) fn has_room(&self, service: Service) -> bool {
        let held = || self.leases.held(service.flag());
        self.registry.openings(service, held).free.all > 0
    }
}

/// The capacity for further attempts of a service, in a claim.
fn room(service: Service, openings: Openings, bulk_turn: bool) -> Room {
    let bulk = if bulk_turn { openings.free.bulk } else { 0 };
    Room {
        service: service.flag(),
        all: openings.free.all.min(CLAIM),
        bulk: bulk.min(CLAIM),
    }
}

/// The time after a claim with so many attempts of campaigns until the next one for campaigns.
fn pause_after(claimed: usize) -> Duration {
    let share = claimed as f64 / CLAIM as f64;
    BULK_PAUSE.mul_f64(share).clamp(MIN_BULK_PAUSE, BULK_PAUSE)
}

fn is_bulk(job: &Job) -> bool {
    job.campaign_id.is_some()
}

/// Claims as many due attempts as there is capacity for. Attempts of services that no provider
/// serves are claimed in sweeps only, for those among them whose deadline has passed.
async fn claim_some(
    shared: &Shared,
    capacity: &Capacity,
    sweep: bool,
) -> Result<Vec<Job>, sqlx::Error> {
    let rationed = &capacity.rationed;
    let services: Vec<i32> = if sweep {
        let free = |it: &i32| rationed.iter().all(|(service, _)| service != it);
        queue::all_services().into_iter().filter(free).collect()
    } else {
        shared.registry.services()
    };
    let until = Instant::now() + shared.config.lease;
    let rooms: Vec<Room> = services.iter().map(|it| capacity.room(*it)).collect();
    let mut jobs = claim_of(shared, &rooms, CLAIM).await?;
    // Of a service with a rate limit, no more attempts are held than can start soon.
    for &(service, most) in rationed {
        let room = capacity.room(service);
        let room = Room {
            all: room.all.min(most),
            bulk: room.bulk.min(most),
            ..room
        };
        let most = CLAIM.saturating_sub(jobs.len());
        jobs.extend(claim_of(shared, &[room], most).await?);
    }
    // For an attempt in flight already only the lease in the database had run out.
    let new = |job: &Job| shared.leases.take(job, until);
    Ok(jobs.into_iter().filter(new).collect())
}

async fn claim_of(shared: &Shared, rooms: &[Room], most: usize) -> Result<Vec<Job>, sqlx::Error> {
    let wanted = Wanted {
        rooms,
        most,
        worker: &shared.config.name,
        lease: shared.config.lease,
    };
    queue::claim(&shared.pool, wanted, clock::now()).await
}

/// Sets attempts going, single sends and those of campaigns in a task each; the latter holds
/// `bulk_turn` until its attempts run.
fn set_going(
    shared: &Arc<Shared>,
    jobs: Vec<Job>,
    bulk_turn: Option<OwnedSemaphorePermit>,
    tasks: &TaskTracker,
) {
    metrics::counter!("ledgerline_attempts_claimed_total").increment(jobs.len() as u64);
    let (bulk, single): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(is_bulk);
    for (jobs, turn) in [(single, None), (bulk, bulk_turn)] {
        if jobs.is_empty() {
            continue;
        }
        let (shared, tasks) = (Arc::clone(shared), tasks.clone());
        tasks.clone().spawn(async move {
            begin(&shared, jobs, &tasks).await;
            drop(turn);
            shared.freed.notify_one();
        });
    }
}

/// Reads the data of the claimed attempts, with one query for each kind, and runs them.
async fn begin(shared: &Arc<Shared>, jobs: Vec<Job>, tasks: &TaskTracker) {
    let loaded = match transmissions(shared, &jobs).await {
        Ok(loaded) => loaded,
        Err(error) => return give_back(shared, &jobs, &error),
    };
    let states: Vec<&Transmission> = loaded.values().collect();
    let people = match shared.contents.people(&states).await {
        Ok(people) => Arc::new(people),
        Err(error) => return give_back(shared, &jobs, &error),
    };
    let is_loaded = |job: &Job| loaded.contains_key(&Id::new(job.transmission_id));
    let (jobs, missing): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(is_loaded);
    if !missing.is_empty() {
        give_back(shared, &missing, &"their transmissions are not in the log");
    }
    let jobs = jobs.into_iter().filter_map(|job| {
        let transmission = loaded.get(&Id::new(job.transmission_id))?;
        Some((job, transmission))
    });
    let (jobs, of): (Vec<Job>, Vec<&Transmission>) = jobs.unzip();
    let asked = match suppression_check::ask(shared, &of).await {
        Ok(asked) => asked,
        Err(error) => return give_back(shared, &jobs, &error),
    };
    for ((job, transmission), asked) in jobs.into_iter().zip(of).zip(asked) {
        let attempt = Attempt {
            shared: Arc::clone(shared),
            transmission: transmission.clone(),
            people: Arc::clone(&people),
            suppression_check: asked,
            job,
        };
        tasks.spawn(attempt.run());
    }
}

/// The transmissions of these attempts, by the cache. It may not have an attempt yet that was
/// queued a moment ago, here or in another process: then the log is read.
async fn transmissions(
    shared: &Shared,
    jobs: &[Job],
) -> Result<HashMap<Id<Transmission>, Transmission>, StoreError> {
    let store = shared.commands.store();
    let of = |job: &Job| Id::<Transmission>::new(job.transmission_id);
    let ids: Vec<_> = jobs.iter().map(of).collect();
    let mut loaded: HashMap<_, _> = store
        .load_many_cached(&ids)
        .await?
        .into_iter()
        .map(|(id, (loaded, _))| (id, loaded.aggregate))
        .collect();
    let unheard_of = jobs.iter().filter(|job| {
        let known = loaded.get(&of(job));
        !known.is_some_and(|transmission| transmission.has(Id::new(job.spool_id)))
    });
    let behind: Vec<_> = unheard_of.map(of).collect();
    if !behind.is_empty() {
        let fresh = store.load_many(&behind).await?;
        loaded.extend(fresh.into_iter().map(|(id, fresh)| (id, fresh.aggregate)));
    }
    Ok(loaded)
}

/// Drops claimed attempts that cannot be read. Their leases run out, and a worker claims
/// them again.
fn give_back(shared: &Shared, jobs: &[Job], error: &dyn std::fmt::Display) {
    tracing::warn!(attempts = jobs.len(), %error, "claimed attempts cannot be read");
    for job in jobs {
        shared.leases.drop(job.spool_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_claim_of_campaigns_is_followed_sooner() {
        assert_eq!(pause_after(CLAIM), BULK_PAUSE);
        assert_eq!(pause_after(CLAIM / 2), BULK_PAUSE / 2);
        assert_eq!(pause_after(1), MIN_BULK_PAUSE);
    }
}
