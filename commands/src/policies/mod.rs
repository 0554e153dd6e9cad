//! Policies (process managers): event → command. One file for each policy, named by its effect.
//!
//! Leader election by an advisory lock: one process at a time runs the policies, and the others
//! stand by and take over when it ends. Should two processes believe that they lead, the log
//! decides: each effect of a policy is an append that only one of them can make.
//!
//! To add a policy: its file, a line in `conduct`, and its aggregate types in `WakeUp::needs`.

mod deprovision_users;
mod fire_schedules;
mod pace_campaign;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use cqrs_es::Aggregate as _;
use dispatch::backlog;
use domain::delivery::{Campaign, Schedule};
use eventstore::{
    LockName, Recorded, StoreError,
    subscriber::{HighWaterMarks, Observer, observe},
};
use sqlx::PgPool;
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{Commands, sending::Sending};

/// The pause between two attempts to become the leader, and after an error.
const PAUSE: Duration = Duration::from_secs(1);
/// The time between two passes over the read models without a relevant event.
const POLL: Duration = Duration::from_millis(500);

/// The services that policies use.
#[derive(Clone)]
pub struct Policies {
    commands: Commands,
    /// For the read models, and for the backlogs of campaigns.
    pool: PgPool,
    sending: Sending,
    high_water_marks: HighWaterMarks,
}

/// The running policies of this process.
pub struct Running {
    task: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
}

impl Policies {
    /// Policies on these services.
    pub fn new(
        commands: Commands,
        pool: PgPool,
        sending: Sending,
        high_water_marks: HighWaterMarks,
    ) -> Self {
        Self {
            commands,
            pool,
            sending,
            high_water_marks,
        }
    }

    /// Runs the policies from now on, whenever no other process leads.
    pub fn start(self) -> Running {
        let stop = CancellationToken::new();
        let task = tokio::spawn(lead(Arc::new(self), stop.clone()));
        Running { task, stop }
    }
}

impl Running {
    /// Stops the policies, after the appends under way have finished.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the policies failed");
        }
    }
}

async fn lead(policies: Arc<Policies>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match turn(&policies, &stop).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "policies wait for the database"),
        }
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Becomes the leader, if there is none, and runs the policies until the lock is lost or `stop`
/// is cancelled.
async fn turn(policies: &Arc<Policies>, stop: &CancellationToken) -> Result<(), sqlx::Error> {
    let locks = policies.commands.store().locks();
    let Some(lead) = locks.try_lock(LockName::Policies).await? else {
        return Ok(());
    };
    metrics::gauge!("ledgerline_policies_leader").set(1.0);
    tracing::debug!("carrying out policies");
    let over = stop.child_token();
    tokio::select! {
        () = conduct(policies, &over) => {}
        () = lead.lost() => tracing::warn!("policies are not led from here any more"),
    }
    over.cancel();
    metrics::gauge!("ledgerline_policies_leader").set(0.0);
    // Another process can take over now.
    lead.release().await;
    Ok(())
}

/// Runs all policies: the visible list of them.
async fn conduct(policies: &Arc<Policies>, over: &CancellationToken) {
    let woken = Arc::new(Notify::new());
    let mut tasks = JoinSet::new();
    let log = policies.commands.store().log().clone();
    let head = log.head();
    tasks.spawn(observe(log, head, WakeUp(Arc::clone(&woken))));
    tasks.spawn(deprovision_users::run(Arc::clone(policies), over.clone()));
    let mut campaigns = Campaigns::default();
    while !over.is_cancelled() {
        campaigns.look(policies, over, &mut tasks).await;
        match fire_schedules::run(policies).await {
            Ok(true) => woken.notify_one(),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "schedules wait for the database"),
        }
        tokio::select! {
            () = woken.notified() => {}
            () = sleep(POLL) => {}
            () = over.cancelled() => {}
        }
    }
    campaigns.settle(&mut tasks).await;
}

/// Wakes the policies after events of campaigns and schedules.
struct WakeUp(Arc<Notify>);

#[async_trait]
impl Observer for WakeUp {
    fn name(&self) -> &'static str {
        "policies"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[Campaign::TYPE, Schedule::TYPE]
    }

    async fn observe(&mut self, _: &[Arc<Recorded>]) -> Result<(), StoreError> {
        self.0.notify_one();
        Ok(())
    }
}

/// The tasks that pace campaigns, by campaign id.
#[derive(Default)]
struct Campaigns(HashMap<i64, AbortHandle>);

impl Campaigns {
    async fn look(
        &mut self,
        policies: &Arc<Policies>,
        over: &CancellationToken,
        tasks: &mut JoinSet<()>,
    ) {
        self.0.retain(|_, task| !task.is_finished());
        while tasks.try_join_next().is_some() {}
        let open = match backlog::open(&policies.pool).await {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(%error, "campaigns cannot be read");
                return;
            }
        };
        for campaign in open {
            let id = campaign.campaign_id;
            self.0.entry(id).or_insert_with(|| {
                tasks.spawn(pace_campaign::run(
                    Arc::clone(policies),
                    campaign,
                    over.clone(),
                ))
            });
        }
    }

    /// Waits until all these tasks have ended, then aborts the others.
    async fn settle(self, tasks: &mut JoinSet<()>) {
        while self.0.values().any(|task| !task.is_finished()) {
            sleep(Duration::from_millis(5)).await;
        }
        tasks.abort_all();
    }
}
