//! Paces a campaign through its group: a transmission for each contact, queued at the campaign's
//! pace.
//!
//! Transmissions are created a *batch* at a time: their creation and the campaign's progress are
//! one append, so that each contact has exactly one, whatever crashes. Those that are due are
//! sent in that append; the others wait in the backlog until they are. The worker decides the
//! exact moment on the wire: see `gateways/src/worker/pacing.rs`.

mod batch;
mod revise;
mod rhythm;
mod send;
mod sweep;

use std::{collections::HashSet, sync::Arc, time::Duration};

use chrono::TimeDelta;
use dispatch::backlog;
use domain::{
    Entity as _, Id, Owner, Refusal, Scope,
    access::User,
    delivery::{Campaign, CampaignCommand, CampaignDetails, Tally, Transmission},
    people::Group,
    reference::TimeZone,
};
use eventstore::{Loaded, Metadata, Position, StoreError, clock};
use projections::delivery::campaign_progress;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::{revise::Revision, rhythm::Rhythm};
use super::Policies;
use crate::CommandError;

/// Bound on the transmissions in one append.
const BATCH_SIZE: usize = 250;
/// Bound on the queued attempts that no worker has claimed; beyond it workers are the bottleneck.
const WAITING: usize = 250;
/// The longest wait of a queued attempt for a worker; beyond it no more are queued.
const PROMPT: TimeDelta = TimeDelta::seconds(2);
/// The time ahead for which the transmissions of a slow campaign are created.
const AHEAD: Duration = Duration::from_secs(30);
/// The pause while workers are the bottleneck.
const BUSY: Duration = Duration::from_millis(20);
/// The pause when there is nothing to do, and the longest one.
const IDLE: Duration = Duration::from_millis(500);
/// The pause after an error of the database.
const TROUBLE: Duration = Duration::from_secs(1);
/// The time between two checks that the campaign can continue.
const CHECK: Duration = Duration::from_secs(2);
/// The longest time without a provider; then the campaign is broken.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(300);

/// Paces one campaign until nothing is left to do, or `over` is cancelled.
pub(super) async fn run(policies: Arc<Policies>, open: backlog::Open, over: CancellationToken) {
    let id = open.campaign_id;
    let mut pacer = Pacer::new(policies, open);
    while !over.is_cancelled() {
        let pause = match pacer.step().await {
            Ok(Some(pause)) => pause,
            Ok(None) => return,
            // The campaign was changed meanwhile, and is read again. If another process paces
            // it too, the records of reached addresses have to be checked again.
            Err(CommandError::Contended | CommandError::Refused(_)) => {
                pacer.begun = false;
                BUSY
            }
            Err(error) => {
                tracing::warn!(campaign.id = id, %error, "a campaign waits");
                TROUBLE
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = over.cancelled() => {}
        }
    }
}

struct Pacer {
    policies: Arc<Policies>,
    id: Id<Campaign>,
    /// The position of the campaign's start; contacts that joined the group later are not reached.
    since: Position,
    rhythm: Rhythm,
    /// Transmissions that were sent from the backlog and may still be in it.
    sent: HashSet<backlog::Ready>,
    /// True if the records of reached addresses agree with the log.
    begun: bool,
    revision: Option<Revision>,
    checked_at: Option<Instant>,
    /// The time zones of the account and the owner, for contacts without a known one.
    zones: [Option<TimeZone>; 2],
    without_provider_since: Option<Instant>,
}

/// The state of the running campaign at one step.
struct RunningCampaign {
    loaded: Loaded<Campaign>,
    details: CampaignDetails,
    owner: Owner,
}

impl Pacer {
    fn new(policies: Arc<Policies>, open: backlog::Open) -> Self {
        Self {
            policies,
            id: Id::new(open.campaign_id),
            since: open.started_position.unwrap_or_default(),
            rhythm: Rhythm::new(Instant::now()),
            sent: HashSet::new(),
            begun: false,
            revision: None,
            checked_at: None,
            zones: [None, None],
            without_provider_since: None,
        }
    }

    /// Carries out one step; answers the pause until the next, or none at the end.
    async fn step(&mut self) -> Result<Option<Duration>, CommandError> {
        let open = backlog::one(&self.policies.pool, self.id.get()).await;
        let Some(open) = open.map_err(StoreError::Database)? else {
            return Ok(None);
        };
        if open.state != "running" {
            // A missing precondition may be met when the campaign resumes.
            self.checked_at = None;
        }
        match open.state.as_str() {
            "running" => {}
            "stopped" => {
                let campaign = self.campaign(open.version).await?;
                return self.withdraw(&campaign, "its campaign was stopped").await;
            }
            "ended" => {
                let campaign = self.campaign(open.version).await?;
                return self.sweep(&campaign).await;
            }
            _ => return Ok(None),
        }
        let Some(state) = self.running(open.version).await? else {
            // The queue's row of the campaign does not show its end yet.
            return Ok(Some(BUSY));
        };
        if !self.can_go_on(&state).await? {
            return Ok(Some(IDLE));
        }
        self.revise(&state, open.version).await?;
        self.advance(&state).await.map(Some)
    }

    /// The campaign, from memory if that has at least this version, else from the log.
    async fn campaign(&self, version: i64) -> Result<Loaded<Campaign>, CommandError> {
        let store = self.policies.commands.store();
        let mut known = store.load_many_cached(&[self.id]).await?;
        let known = known.remove(&self.id).map(|(loaded, _)| loaded);
        let version = u64::try_from(version).unwrap_or_default();
        if let Some(known) = known.filter(|known| known.version >= version) {
            return Ok(known);
        }
        store.forget(self.id);
        Ok(store.load(self.id).await?)
    }

    /// The campaign of at least this version, if it is running.
    async fn running(&self, version: i64) -> Result<Option<RunningCampaign>, CommandError> {
        let loaded = self.campaign(version).await?;
        let campaign = &loaded.aggregate;
        let (Some(details), Some(owner)) = (campaign.details(), campaign.owner()) else {
            return Ok(None);
        };
        let running = campaign.running().is_some();
        Ok(running.then(|| RunningCampaign {
            details: details.clone(),
            owner,
            loaded: loaded.clone(),
        }))
    }

    /// Sends due transmissions, creates the next ones, and completes the campaign after the last.
    async fn advance(&mut self, state: &RunningCampaign) -> Result<Duration, CommandError> {
        let (pool, now) = (&self.policies.pool, Instant::now());
        let pace = state.details.pace.per_second();
        let soon = clock::now() + chrono::TimeDelta::seconds(1);
        let waiting = backlog::waiting(pool, self.id.get(), Some(soon), WAITING);
        let room = room(&waiting.await.map_err(StoreError::Database)?);
        let most = (pace.ceil() as usize).clamp(1, WAITING);
        let due = self.rhythm.due(pace, now);
        let due = due
            .min(room)
            .min((most + room).saturating_sub(WAITING))
            .min(BATCH_SIZE);

        let sent = self.send_backlog(state, due).await?;
        self.rhythm.spend(sent, pace);
        let mut budget = due - sent;
        let mut made = 0;
        if !state.loaded.aggregate.is_through() {
            let wanted = self.wanted(pace, budget).await?;
            if wanted > 0 {
                let batch = self.make_batch(state, wanted, budget).await?;
                self.rhythm.spend(batch.sent, pace);
                budget -= batch.sent;
                made = batch.made;
            }
        } else if sent == 0 && self.complete(state).await? {
            return Ok(BUSY);
        }
        Ok(match (sent + made, budget) {
            (0, _) if due > 0 => IDLE,
            (0, _) if room == 0 => BUSY,
            _ => self
                .rhythm
                .pause(Instant::now())
                .clamp(Duration::from_millis(1), IDLE),
        })
    }

    /// The number of transmissions to create: those to be sent now, and for a slow campaign those
    /// of the next half minute.
    async fn wanted(&self, pace: f64, budget: usize) -> Result<usize, CommandError> {
        let ahead = (pace * AHEAD.as_secs_f64()).ceil();
        let ahead = (ahead as usize).clamp(1, BATCH_SIZE);
        if budget >= ahead {
            return Ok(budget.max(1));
        }
        let ready = backlog::ready(
            &self.policies.pool,
            self.id.get(),
            Some(clock::now()),
            ahead,
        );
        let ready = ready.await.map_err(StoreError::Database)?.len();
        // Half of them are sent before the next ones are created, so that appends stay few.
        Ok(if ready * 2 <= ahead {
            ahead.max(budget)
        } else {
            budget
        })
    }

    /// Completes the campaign if all its transmissions have ended; true if it did.
    async fn complete(&self, state: &RunningCampaign) -> Result<bool, CommandError> {
        let (policies, id) = (&self.policies, self.id.get());
        let still = backlog::is_still(&policies.pool, id).await;
        if !still.map_err(StoreError::Database)? {
            return Ok(false);
        }
        // The outcomes of the last transmissions must have been counted.
        let head = policies.commands.store().log().fresh_head().await?;
        let within = Duration::from_secs(2);
        let kind = <Transmission as cqrs_es::Aggregate>::TYPE;
        if !policies.high_water_marks.wait_for(kind, head, within).await {
            return Ok(false);
        }
        let progress = campaign_progress::read(&policies.pool, id).await;
        let progress = progress.map_err(StoreError::Database)?;
        if progress.done < progress.made {
            return Ok(false);
        }
        let number = |count: i64| u64::try_from(count).unwrap_or_default();
        let tally = Tally {
            delivered: number(progress.delivered),
            rejected: number(progress.rejected),
            unanswered: number(progress.unanswered),
            unavailable: number(progress.unavailable),
            unknown: number(progress.unknown),
            suppressed: number(progress.suppressed),
        };
        let at = clock::now();
        self.tell(state, CampaignCommand::Complete { at, tally })
            .await?;
        Ok(true)
    }

    /// Checks, every [`CHECK`], that the campaign's preconditions are met; a permanent failure
    /// breaks the campaign.
    async fn can_go_on(&mut self, state: &RunningCampaign) -> Result<bool, CommandError> {
        let now = Instant::now();
        let fresh = |at: Instant| now.duration_since(at) < CHECK;
        if self.checked_at.is_some_and(fresh) {
            return Ok(self.without_provider_since.is_none());
        }
        self.checked_at = Some(now);
        let commands = &self.policies.commands;
        if !state.loaded.aggregate.is_through()
            && is_gone(
                commands
                    .load::<Group>(state.details.group_id, &Scope::Installation)
                    .await,
            )?
        {
            return self.broken(state, "its group was deleted").await;
        }
        let user = state.owner.user.ok_or(Refusal::NotFound)?;
        let owner = commands.load::<User>(user, &Scope::Installation).await;
        let tenant = state.owner.tenant;
        if let (Ok(owner), Some(plan)) = (&owner, state.loaded.aggregate.running()) {
            // A deleted account keeps its time zone.
            let account = commands.store().load(plan.account_id).await?.aggregate;
            let of_owner = owner.aggregate.profile().timezone.clone();
            self.zones = [account.profile().timezone.clone(), of_owner];
        }
        let owner = match owner {
            Err(CommandError::Refused(Refusal::NotFound)) => User::default(),
            owner => owner?.aggregate,
        };
        if let Some(reason) = owner.absence_from(tenant) {
            return self.broken(state, reason).await;
        }
        let provider = self
            .policies
            .sending
            .provider(state.details.service, tenant);
        match provider.await {
            Ok(()) => self.without_provider_since = None,
            Err(CommandError::Refused(Refusal::NotReady(reason))) => {
                let since = *self.without_provider_since.get_or_insert(now);
                if now.duration_since(since) >= PROVIDER_TIMEOUT {
                    return self.broken(state, &reason).await;
                }
            }
            Err(error) => return Err(error),
        }
        Ok(self.without_provider_since.is_none())
    }

    async fn broken(&self, state: &RunningCampaign, reason: &str) -> Result<bool, CommandError> {
        tracing::warn!(campaign.id = self.id.get(), reason, "a campaign is broken");
        let command = CampaignCommand::Break {
            at: clock::now(),
            reason: reason.to_owned(),
        };
        self.tell(state, command).await?;
        Ok(false)
    }

    async fn tell(
        &self,
        state: &RunningCampaign,
        command: CampaignCommand,
    ) -> Result<(), CommandError> {
        let mut append = self.policies.commands.begin_append();
        let told = append.send(self.id, &state.loaded, command).await?;
        told.map_err(CommandError::Refused)?;
        append.commit(&metadata(&state.loaded)).await.map(drop)
    }
}

/// The metadata of what a campaign does, because of its last event.
fn metadata(campaign: &Loaded<Campaign>) -> Metadata {
    Metadata::of_reaction("campaigns")
        .on_behalf_of(campaign.aggregate.owning_user())
        .because_of(campaign.last.as_ref())
}

/// The metadata of commands to many transmissions of a campaign.
fn bulk(campaign: &Loaded<Campaign>) -> Metadata {
    Metadata {
        bulk: true,
        ..metadata(campaign)
    }
}

/// The capacity left in the queue for workers: 0 while one attempt has waited longer than
/// [`PROMPT`], since more would only wait until their deadline.
fn room(waiting: &[backlog::Waiting]) -> usize {
    let long_ago = clock::now() - PROMPT;
    if waiting.iter().any(|one| one.due_at < long_ago) {
        0
    } else {
        WAITING.saturating_sub(waiting.len())
    }
}

/// True if the aggregate was deleted.
fn is_gone<A>(loaded: Result<Loaded<A>, CommandError>) -> Result<bool, CommandError> {
    match loaded {
        Ok(_) => Ok(false),
        Err(CommandError::Refused(Refusal::NotFound)) => Ok(true),
        Err(error) => Err(error),
    }
}
