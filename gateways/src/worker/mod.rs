//! The worker: claims queued attempts, has adapters make them, and records their outcomes.
//!
//! The life of an attempt here: claimed under a lease that is renewed while it is in flight;
//! given a provider and, once that has a free permit, its content; started, on record, when
//! the adapter's connection is ready; made, and a call meanwhile put on record as it goes on;
//! reported in the same transaction that removes it from the queue. Inbound sessions are attempts too
//! (`inbound`): the worker has them from their beginning, or claims those that wait.

mod attempt;
mod channels;
mod claiming;
mod content;
mod hangups;
mod inbound;
mod live;
mod pacing;
mod picking;
mod recording;
mod report_timeout;
mod running;
mod start;
mod stopping;
mod suppression_check;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use commands::{Commands, addresses::AddressPolicy, media::MediaStore, suppression::Suppression};
use dispatch::{
    WorkSignal,
    campaigns::Campaigns,
    channels as leased,
    health::{self, ProviderHealth},
    leases::Leases,
    queue,
    rate_limiter::RateLimiter,
};
use eventstore::subscriber::observe;
use sqlx::PgPool;
use tokio::{sync::Notify, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    content::Contents,
    hangups::{Calls, Hangups},
    inbound::SessionHost,
};
use crate::{Entrance, Registry};

/// The interval at which the queue is polled without a notification.
const POLL: Duration = Duration::from_millis(500);
/// The interval at which the worker publishes the health of its providers.
const REPORT: Duration = Duration::from_secs(2);
/// The part of the time for stopping in which the ends of attempts that remain are recorded.
const LAST_RECORDS: Duration = Duration::from_secs(1);
/// The pause before an attempt is claimed again for which there is no provider.
const NO_PROVIDER_PAUSE: Duration = Duration::from_secs(2);

/// The configuration of a worker.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// The worker's name, in events and in the queue.
    pub name: String,
    /// The time for which a claim holds without being renewed.
    pub lease: Duration,
    /// The first pause before an attempt is repeated, in seconds.
    pub retry_base_seconds: u32,
    /// The time limit of one attempt, unless its adapter needs more.
    pub attempt: Duration,
    /// The value of the token `[company:name]`.
    pub company: Option<String>,
    /// The policy by which accounts may send from the addresses that they name.
    pub addresses: AddressPolicy,
}

/// The state that all tasks of a worker share.
pub(crate) struct Shared {
    pub commands: Commands,
    pub pool: PgPool,
    pub registry: Registry,
    pub contents: Contents,
    pub leases: Leases,
    /// The calls and faxes in progress.
    pub calls: Calls,
    pub suppression: Suppression,
    pub campaigns: Campaigns,
    /// Delays starts by the pace of campaigns and the rate limits of providers.
    pub rate_limiter: RateLimiter,
    pub config: WorkerConfig,
    pub stopping: CancellationToken,
    /// Cancelled when attempts in flight are given up.
    pub aborted: CancellationToken,
    /// Notified when there is more capacity.
    pub freed: Notify,
    /// True while there may be more capacity when attempts have picked their providers.
    pub undecided: AtomicBool,
    /// Notified when an attempt went back to the queue.
    pub returned: Notify,
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
    /// Starts a worker. `queued` notifies it when the queue has grown.
    pub fn start(
        commands: Commands,
        media: MediaStore,
        registry: Registry,
        entrance: Entrance,
        queued: WorkSignal,
        config: WorkerConfig,
    ) -> Self {
        let shared = Arc::new(Shared {
            pool: commands.store().pool().clone(),
            contents: Contents::new(commands.clone(), media, config.company.clone()),
            leases: Leases::default(),
            calls: Calls::default(),
            suppression: Suppression::new(commands.store().clone()),
            campaigns: Campaigns::new(commands.store().pool().clone()),
            rate_limiter: RateLimiter::new(commands.store().pool().clone()),
            stopping: CancellationToken::new(),
            aborted: CancellationToken::new(),
            freed: Notify::new(),
            undecided: AtomicBool::new(false),
            returned: Notify::new(),
            commands,
            registry,
            config,
        });
        shared.registry.listen(Arc::new(entrance.clone()));
        tokio::spawn(entrance.clone().sweep(shared.stopping.clone()));
        let log = shared.commands.store().log().clone();
        let head = log.head();
        tokio::spawn(observe(log, head, Hangups(shared.calls.clone())));
        let tasks = TaskTracker::new();
        entrance.host(Arc::new(SessionHost::new(&shared, &tasks)));
        tasks.spawn(claiming::run(Arc::clone(&shared), queued, tasks.clone()));
        tasks.spawn(renew(Arc::clone(&shared), tasks.clone()));
        tokio::spawn(channels::keep(Arc::clone(&shared)));
        tokio::spawn(report(Arc::clone(&shared)));
        tokio::spawn(report_timeout::end_overdue(Arc::clone(&shared)));
        Self { shared, tasks }
    }

    /// Stops claiming, gives back attempts that have not started, tells calls to end, and waits for
    /// all on the wire, at most for `time_limit`. The outcome of those that remain is then recorded
    /// as unknown.
    pub async fn stop(self, time_limit: Duration) {
        self.shared.stopping.cancel();
        self.tasks.close();
        let ended = self.tasks.wait();
        let within = time_limit.saturating_sub(LAST_RECORDS);
        if tokio::time::timeout(within, ended).await.is_err() {
            stopping::give_up(&self.shared).await;
        }
        self.shared.registry.close().await;
        let Shared { pool, config, .. } = self.shared.as_ref();
        // Attempts that are still on the wire keep their permits until the lease ends.
        if self.shared.leases.is_empty()
            && let Err(error) = leased::give_back(pool, &config.name).await
        {
            tracing::debug!(%error, "the worker could not give back its channels");
        }
        if let Err(error) = health::withdraw(pool, &config.name).await {
            tracing::debug!(%error, "the worker could not be deregistered");
        }
    }
}

/// Publishes the worker's heartbeat and the health of its providers every two seconds.
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
            tracing::debug!(%error, "the health of the providers could not be published");
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

/// Renews the leases of attempts in flight, until none is.
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
