//! The worker: claims queued attempts, has adapters make them, and records what
//! came of them.
//!
//! An attempt's life here: claimed under a lease that is renewed while it lasts;
//! given a provider and, once that has a free channel, its content; started, on
//! record, when the adapter's connection is ready; made; reported in the same
//! transaction that takes it off the queue.

mod attempt;
mod campaigns;
mod channels;
mod claiming;
mod content;
mod leases;
mod pacing;
mod picking;
pub(crate) mod rate_limiter;
mod report_timeout;
mod start;
mod suppression_check;

use std::{sync::Arc, time::Duration};

use commands::{Commands, addresses::AddressPolicy, media::MediaStore, suppression::Suppression};
use projections::{
    QueueSignal,
    delivery::{
        channels as leased,
        health::{self, ProviderHealth},
        queue,
    },
};
use sqlx::PgPool;
use tokio::{sync::Notify, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{campaigns::Campaigns, content::Contents, leases::Leases, rate_limiter::RateLimiter};
use crate::{Reception, Registry};

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
    /// Which accounts may use the addresses that are written into them.
    pub addresses: AddressPolicy,
}

/// What everything in a worker shares.
pub(crate) struct Shared {
    pub commands: Commands,
    pub pool: PgPool,
    pub registry: Registry,
    pub contents: Contents,
    pub leases: Leases,
    pub suppression: Suppression,
    pub campaigns: Campaigns,
    /// Where starts wait that a pace or a limit holds back.
    pub rate_limiter: RateLimiter,
    pub config: WorkerConfig,
    pub stopping: CancellationToken,
    /// Rings when there is more capacity.
    pub freed: Notify,
    /// Rings when an attempt went back to the queue.
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
    /// Starts to work. `queued` rings when the queue has grown.
    pub fn start(
        commands: Commands,
        media: MediaStore,
        registry: Registry,
        reception: Reception,
        queued: QueueSignal,
        config: WorkerConfig,
    ) -> Self {
        let shared = Arc::new(Shared {
            pool: commands.store().pool().clone(),
            contents: Contents::new(commands.clone(), media, config.company.clone()),
            leases: Leases::default(),
            suppression: Suppression::new(commands.store().clone()),
            campaigns: Campaigns::new(commands.store().pool().clone()),
            rate_limiter: RateLimiter::new(commands.store().pool().clone()),
            stopping: CancellationToken::new(),
            freed: Notify::new(),
            returned: Notify::new(),
            commands,
            registry,
            config,
        });
        shared.registry.listen(Arc::new(reception.clone()));
        tokio::spawn(reception.sweep(shared.stopping.clone()));
        let tasks = TaskTracker::new();
        tasks.spawn(claiming::run(Arc::clone(&shared), queued, tasks.clone()));
        tasks.spawn(renew(Arc::clone(&shared), tasks.clone()));
        tokio::spawn(channels::keep(Arc::clone(&shared)));
        tokio::spawn(report(Arc::clone(&shared)));
        tokio::spawn(report_timeout::end_overdue(Arc::clone(&shared)));
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
