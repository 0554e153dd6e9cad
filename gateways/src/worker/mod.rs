//! The worker: claims queued attempts, has adapters make them, and records what
//! came of them.
//!
//! An attempt's life here: claimed under a lease that is renewed while it lasts;
//! given a provider and, once that has a free channel, its content; started, on
//! record, when the adapter's connection is ready; made; reported in the same
//! transaction that takes it off the queue.

mod attempt;
mod channels;
mod content;
pub(crate) mod gate;
mod hold;
mod leases;
mod start;
mod turn;

use std::{collections::HashMap, sync::Arc, time::Duration};

use commands::{Commands, media::MediaStore, suppression::Suppression};
use domain::{Id, delivery::Transmission};
use eventstore::{StoreError, clock};
use projections::{
    QueueSignal,
    delivery::{
        channels as leased,
        health::{self, ProviderHealth},
        queue::{self, Job, Wanted},
    },
};
use sqlx::PgPool;
use tokio::{sync::Notify, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{attempt::Attempt, content::Contents, gate::Gate, leases::Leases};
use crate::Registry;

/// The most attempts in hand at once, whatever the adapters could take.
const MOST_IN_HAND: usize = 1_024;
/// The most that are claimed at once.
const CLAIM: usize = 256;
/// How often the queue is looked at although nothing woke us.
const POLL: Duration = Duration::from_millis(500);
/// How often it says how it is.
const REPORT: Duration = Duration::from_secs(2);
/// When an attempt for which there is no provider is looked at again.
const NO_PROVIDER_PAUSE: Duration = Duration::from_secs(2);

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Its name, in events and in the queue.
    pub name: String,
    /// How long a claim holds without being renewed.
    pub lease: Duration,
    /// The first pause before an attempt is repeated, in seconds.
    pub retry_base_seconds: u32,
    /// How long one attempt may take on the wire.
    pub attempt: Duration,
    /// What `[company:name]` says.
    pub company: Option<String>,
}

/// What everything in a worker shares.
pub(crate) struct Shared {
    pub commands: Commands,
    pub pool: PgPool,
    pub registry: Registry,
    pub contents: Contents,
    pub leases: Leases,
    pub suppression: Suppression,
    /// Where starts wait that a pace or a limit holds back.
    pub gate: Gate,
    pub config: WorkerConfig,
    pub stopping: CancellationToken,
    pub freed: Notify,
}

/// A running worker.
pub struct Worker {
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.shared.config.name)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// Starts to work. `queued` rings when the queue has grown.
    pub fn start(
        commands: Commands,
        media: MediaStore,
        registry: Registry,
        queued: QueueSignal,
        config: WorkerConfig,
    ) -> Self {
        let shared = Arc::new(Shared {
            pool: commands.store().pool().clone(),
            contents: Contents::new(commands.clone(), media, config.company.clone()),
            leases: Leases::default(),
            suppression: Suppression::new(commands.store().clone()),
            gate: Gate::new(commands.store().pool().clone()),
            stopping: CancellationToken::new(),
            freed: Notify::new(),
            commands,
            registry,
            config,
        });
        let tasks = TaskTracker::new();
        tasks.spawn(claim(Arc::clone(&shared), queued, tasks.clone()));
        tasks.spawn(renew(Arc::clone(&shared), tasks.clone()));
        tokio::spawn(channels::keep(Arc::clone(&shared)));
        tokio::spawn(report(Arc::clone(&shared)));
        Self { shared, tasks }
    }

    /// Stops to claim, gives back what has not started, and waits for what is on
    /// the wire, at most this long. What remains keeps its lease and is found to be
    /// unknown by whoever claims it next.
    pub async fn stop(self, patience: Duration) {
        self.shared.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait())
            .await
            .is_err()
        {
            let left = self.shared.leases.len();
            tracing::warn!(
                worker.left = left,
                "attempts were still on the wire at the end"
            );
        }
        self.shared.registry.close().await;
        let Shared { pool, config, .. } = self.shared.as_ref();
        // What is still on the wire keeps its channels until the lease ends.
        if self.shared.leases.len() == 0
            && let Err(error) = leased::give_back(pool, &config.name).await
        {
            tracing::debug!(%error, "the worker could not give back its channels");
        }
        if let Err(error) = health::withdraw(pool, &config.name).await {
            tracing::debug!(%error, "the worker could not sign off");
        }
    }
}

/// Says every few seconds that it runs, and how its providers are.
async fn report(shared: Arc<Shared>) {
    let Shared {
        pool,
        registry,
        config,
        stopping,
        ..
    } = shared.as_ref();
    while !stopping.is_cancelled() {
        let known = registry.health();
        gauge(&known);
        if let Err(error) = health::publish(pool, &config.name, registry.node_id(), &known).await {
            tracing::debug!(%error, "the state of the providers could not be told");
        }
        tokio::select! {
            () = tokio::time::sleep(REPORT) => {}
            () = stopping.cancelled() => {}
        }
    }
}

fn gauge(known: &[ProviderHealth]) {
    for health in known {
        let provider = health.provider_id.to_string();
        let resting = f64::from(u8::from(health.state != "working"));
        metrics::gauge!("ledgerline_provider_resting", "provider" => provider.clone()).set(resting);
        metrics::gauge!("ledgerline_provider_in_flight", "provider" => provider)
            .set(f64::from(health.in_flight));
    }
}

async fn claim(shared: Arc<Shared>, queued: QueueSignal, tasks: TaskTracker) {
    let mut swept_at = Instant::now();
    while !shared.stopping.is_cancelled() {
        let sweep = swept_at.elapsed() >= NO_PROVIDER_PAUSE;
        if sweep {
            swept_at = Instant::now();
        }
        let claimed = match claim_some(&shared, sweep).await {
            Ok(jobs) => jobs,
            Err(error) => {
                tracing::warn!(%error, "the dispatch queue does not answer");
                tokio::time::sleep(POLL).await;
                continue;
            }
        };
        if claimed.is_empty() {
            tokio::select! {
                () = queued.notified() => {}
                () = shared.freed.notified() => {}
                () = shared.stopping.cancelled() => {}
                () = tokio::time::sleep(POLL) => {}
            }
            continue;
        }
        begin(&shared, claimed, &tasks).await;
    }
}

/// As many due attempts as there is room for. Those that no provider serves are only
/// swept now and then, for the ones among them whose deadline has passed.
async fn claim_some(shared: &Shared, sweep: bool) -> Result<Vec<Job>, sqlx::Error> {
    let rationed = shared.registry.rationed();
    let services: Vec<i32> = match sweep {
        true => {
            let free = |it: &i32| rationed.iter().all(|(service, _)| service != it);
            queue::all_services().into_iter().filter(free).collect()
        }
        false => shared.registry.services(),
    };
    let most = (shared.registry.channels() * 2).clamp(16, MOST_IN_HAND);
    let room = most.saturating_sub(shared.leases.len());
    // Claiming costs a transaction; one at a time would make that the bottleneck.
    if room < most / 4 {
        return Ok(Vec::new());
    }
    let room = room.min(CLAIM);
    let until = Instant::now() + shared.config.lease;
    // Campaigns leave a part to what belongs to none.
    let mut bulk = (most - most / 4).saturating_sub(shared.leases.bulk());
    let mut jobs = claim_of(shared, &services, room, bulk).await?;
    // Of what can only start at a certain rate no more are held than soon start.
    for (service, most) in rationed {
        let room = room.saturating_sub(jobs.len()).min(most);
        let taken = jobs.iter().filter(|job| job.campaign_id.is_some()).count();
        bulk = bulk.saturating_sub(taken);
        jobs.extend(claim_of(shared, &[service], room, bulk).await?);
    }
    // One that is in hand already was only lost sight of by the database.
    let new = |job: &Job| shared.leases.take(job, until);
    Ok(jobs.into_iter().filter(new).collect())
}

async fn claim_of(
    shared: &Shared,
    services: &[i32],
    room: usize,
    bulk: usize,
) -> Result<Vec<Job>, sqlx::Error> {
    let wanted = Wanted {
        services,
        room,
        bulk: bulk.min(room),
        worker: &shared.config.name,
        lease: shared.config.lease,
    };
    queue::claim(&shared.pool, wanted, clock::now()).await
}

/// Reads what the claimed attempts are about, with one query for each kind, and
/// sets them going.
async fn begin(shared: &Arc<Shared>, jobs: Vec<Job>, tasks: &TaskTracker) {
    metrics::counter!("ledgerline_attempts_claimed_total").increment(jobs.len() as u64);
    let loaded = match transmissions(shared, &jobs).await {
        Ok(loaded) => loaded,
        Err(error) => return give_back(shared, &jobs, &error),
    };
    let states: Vec<&Transmission> = loaded.values().collect();
    let people = match shared.contents.people(&states).await {
        Ok(people) => Arc::new(people),
        Err(error) => return give_back(shared, &jobs, &error),
    };
    let jobs = jobs.into_iter().filter_map(|job| {
        let transmission = loaded.get(&Id::new(job.transmission_id))?;
        Some((job, transmission))
    });
    let (jobs, of): (Vec<Job>, Vec<&Transmission>) = jobs.unzip();
    let asked = match hold::ask(shared, &of).await {
        Ok(asked) => asked,
        Err(error) => return give_back(shared, &jobs, &error),
    };
    for ((job, transmission), asked) in jobs.into_iter().zip(of).zip(asked) {
        let attempt = Attempt {
            shared: Arc::clone(shared),
            transmission: transmission.clone(),
            people: Arc::clone(&people),
            asked,
            job,
        };
        tasks.spawn(attempt.run());
    }
}

/// What these attempts are attempts of. Memory may not have heard of one yet that was
/// queued a moment ago, here or elsewhere: then the log is asked.
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

/// The leases run out by themselves; somebody will try again then.
fn give_back(shared: &Shared, jobs: &[Job], error: &dyn std::fmt::Display) {
    tracing::warn!(attempts = jobs.len(), %error, "claimed attempts cannot be read");
    for job in jobs {
        shared.leases.drop(job.spool_id);
    }
}

/// Keeps what is in hand ours, until nothing is in hand any more.
async fn renew(shared: Arc<Shared>, tasks: TaskTracker) {
    let every = shared.config.lease / 3;
    loop {
        tokio::time::sleep(every.min(POLL)).await;
        // This task and the claiming one may be the only ones left.
        if shared.stopping.is_cancelled() && tasks.len() <= 1 {
            return;
        }
        renew_all(&shared).await;
        let rest = every.saturating_sub(POLL);
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = shared.stopping.cancelled() => {}
        }
    }
}

async fn renew_all(shared: &Shared) {
    for (token, spools) in shared.leases.by_token() {
        let until = Instant::now() + shared.config.lease;
        match queue::renew(&shared.pool, &spools, &token, shared.config.lease).await {
            Ok(held) => shared.leases.renewed(&held, &token, until),
            Err(error) => tracing::warn!(%error, "leases cannot be renewed"),
        }
    }
}
