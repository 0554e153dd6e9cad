//! Fires schedules when they are due. The firing of a schedule and its effect are one append, so
//! that two processes that fire the same schedule have the effect once.

use std::collections::HashMap;

use domain::{
    Entity, Id, Refusal, Scope,
    access::User,
    delivery::{
        Campaign, CampaignCommand, Job, Schedule, ScheduleCommand, Transmission, schedule::Verdict,
    },
};
use eventstore::{Loaded, Metadata, StoreError, clock};
use futures::{StreamExt as _, stream};
use projections::delivery::schedules;

use super::Policies;
use crate::{
    CommandError,
    sending::{SendOptions, must_send_within},
};

/// The most due schedules in one pass.
const AT_ONCE: i64 = 200;

/// The most targets whose schedules are fired concurrently, so that many schedules at the full
/// hour do not delay each other.
const SIDE_BY_SIDE: usize = 16;

/// Fires due schedules; true if more may be due and none failed.
pub(super) async fn run(policies: &Policies) -> Result<bool, CommandError> {
    let due = schedules::due(&policies.pool, clock::now(), AT_ONCE).await;
    let due = due.map_err(StoreError::Database)?;
    let full = due.len() as i64 == AT_ONCE;
    // Schedules of one target are fired in their order: a stop stays behind its start.
    let mut by_target: HashMap<_, Vec<Id<Schedule>>> = HashMap::new();
    for row in due {
        let of_target = by_target.entry((row.transmission_id, row.campaign_id));
        of_target.or_default().push(Id::new(row.schedule_id));
    }
    let fired = stream::iter(by_target.into_values())
        .map(|ids| fire_in_turn(policies, ids))
        .buffer_unordered(SIDE_BY_SIDE);
    let all = fired.fold(true, async |all, one| all && one).await;
    // A schedule that cannot be fired now is retried, but only after a pause.
    Ok(full && all)
}

/// Fires the schedules of one target in order; false after an error. A schedule that has to be
/// retried delays only the later ones of its target.
async fn fire_in_turn(policies: &Policies, ids: Vec<Id<Schedule>>) -> bool {
    for id in ids {
        match fire(policies, id).await {
            Ok(()) | Err(CommandError::Refused(_)) => {}
            // The schedule was changed meanwhile, or fired by another process: the next pass
            // reads it again.
            Err(CommandError::Contended) => return true,
            Err(error) => {
                tracing::warn!(schedule.id = id.get(), %error, "a schedule cannot be fired");
                return false;
            }
        }
    }
    true
}

async fn fire(policies: &Policies, id: Id<Schedule>) -> Result<(), CommandError> {
    let schedule = policies.commands.load(id, &Scope::Installation).await?;
    let due = Due {
        policies,
        id,
        schedule,
    };
    match due.schedule.aggregate.will_run(clock::now()) {
        Verdict::NotYet => Ok(()),
        Verdict::Skip => due.settle(due.fired(None, false)).await,
        Verdict::Run => match due.carry_out().await {
            // The refusal is the result of the schedule.
            Err(CommandError::Refused(Refusal::NotReady(reason))) => {
                due.settle(due.fired(Some(reason), false)).await
            }
            Err(CommandError::Refused(Refusal::NotFound)) => {
                let reason = "what it was for is gone".to_owned();
                due.settle(ScheduleCommand::Abandon { reason }).await
            }
            done => done,
        },
    }
}

/// A schedule that is due.
struct Due<'p> {
    policies: &'p Policies,
    id: Id<Schedule>,
    schedule: Loaded<Schedule>,
}

impl Due<'_> {
    fn fired(&self, refused: Option<String>, over: bool) -> ScheduleCommand {
        let at = clock::now();
        ScheduleCommand::Fire { at, refused, over }
    }

    /// Ends the schedule, since its transmission or campaign is completed and cannot run again.
    async fn is_over(&self) -> Result<(), CommandError> {
        let reason = "it is completed".to_owned();
        self.settle(self.fired(Some(reason), true)).await
    }

    async fn carry_out(&self) -> Result<(), CommandError> {
        let schedule = &self.schedule.aggregate;
        let owner = schedule.owner().ok_or(Refusal::NotFound)?;
        let user = owner.user.ok_or(Refusal::NotFound)?;
        let user = self
            .policies
            .commands
            .load::<User>(user, &Scope::Installation)
            .await?;
        must_send_within(&user.aggregate, owner.tenant)?;
        match schedule.job().ok_or(Refusal::NotFound)? {
            Job::TransmissionSend { transmission_id } => self.send(transmission_id).await,
            Job::CampaignStart { campaign_id } => {
                let campaign: Loaded<Campaign> = self.thing(campaign_id).await?;
                if campaign.aggregate.is_completed() {
                    return self.is_over().await;
                }
                if let Some(reason) = campaign.aggregate.is_settled() {
                    return Err(Refusal::not_ready(reason).into());
                }
                let sending = &self.policies.sending;
                let start = sending.start(&campaign.aggregate, clock::now()).await?;
                self.atomically(campaign_id, campaign, start).await
            }
            Job::CampaignStop { campaign_id } => {
                let campaign: Loaded<Campaign> = self.thing(campaign_id).await?;
                if campaign.aggregate.is_completed() {
                    return self.is_over().await;
                }
                let stop = CampaignCommand::Stop { at: clock::now() };
                self.atomically(campaign_id, campaign, stop).await
            }
        }
    }

    async fn send(&self, id: Id<Transmission>) -> Result<(), CommandError> {
        let transmission: Loaded<Transmission> = self.thing(id).await?;
        if transmission.aggregate.is_completed() {
            return self.is_over().await;
        }
        if let Some(reason) = transmission.aggregate.is_settled() {
            return Err(Refusal::not_ready(reason).into());
        }
        let (order, owner) = (
            transmission.aggregate.order(),
            transmission.aggregate.owner(),
        );
        let (order, owner) = order.zip(owner).ok_or(Refusal::NotFound)?;
        let ready = self.policies.sending.ready(order, owner).await?;
        let spool = self.policies.commands.next_id("spool").await?;
        let send = ready.command(spool, clock::now(), SendOptions::default());
        self.atomically(id, transmission, send).await
    }

    async fn thing<A: Entity>(&self, id: Id<A>) -> Result<Loaded<A>, CommandError> {
        self.policies.commands.load(id, &Scope::Installation).await
    }

    /// Appends the effect of the schedule together with its firing.
    async fn atomically<A>(
        &self,
        id: Id<A>,
        state: Loaded<A>,
        command: A::Command,
    ) -> Result<(), CommandError>
    where
        A: Entity<Error: Into<Refusal>>,
    {
        let mut append = self.policies.commands.begin_append();
        let done = append.send(id, &state, command).await?;
        done.map_err(|error| CommandError::Refused(error.into()))?;
        let fired = append
            .send(self.id, &self.schedule, self.fired(None, false))
            .await?;
        fired.map_err(CommandError::Refused)?;
        append.commit(&self.metadata()).await?;
        tracing::info!(
            schedule.id = self.id.get(),
            kind = A::TYPE,
            "a schedule fired"
        );
        Ok(())
    }

    /// Appends a command to the schedule alone: that it had no effect, and why.
    async fn settle(&self, command: ScheduleCommand) -> Result<(), CommandError> {
        let mut append = self.policies.commands.begin_append();
        let told = append.send(self.id, &self.schedule, command).await?;
        told.map_err(CommandError::Refused)?;
        append.commit(&self.metadata()).await.map(drop)
    }

    fn metadata(&self) -> Metadata {
        let owner = self.schedule.aggregate.owning_user();
        Metadata::of_reaction("schedules")
            .on_behalf_of(owner)
            .because_of(self.schedule.last.as_ref())
    }
}
