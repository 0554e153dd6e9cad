//! The suppression check before an attempt: not sent if its campaign was stopped or deleted, its
//! owner was deleted, deactivated or taken out of the tenant, or its recipient opted out or has
//! quiet hours.

use std::{collections::HashSet, time::Duration};

use chrono::TimeDelta;
use cqrs_es::Aggregate as _;
use domain::{
    Entity as _, Id, Owner,
    access::User,
    delivery::{Transmission, TransmissionCommand},
    flow::Service,
    people::OptOut,
};
use eventstore::{StoreError, clock};
use tokio::time::Instant;

use dispatch::campaigns::CampaignState;

use super::{
    Shared,
    attempt::{Attempt, QueueAction, SuppressionCheck},
};

/// The time since this process last saw the log after which an earlier check does not count.
/// The process sees its own appends at once, so this is the most by which an opt-out in
/// another process may be late.
pub(super) const FRESH: Duration = Duration::from_millis(250);
/// The pause from which on an attempt of a campaign is withdrawn instead of queued again.
const LONG: Duration = Duration::from_secs(5);
/// The pause before the next try while the suppression check cannot be made.
const UNKNOWN: TimeDelta = TimeDelta::seconds(2);

/// Checks the lists, and the owners in the log, for many attempts at once.
pub(crate) async fn ask(
    shared: &Shared,
    transmissions: &[&Transmission],
) -> Result<Vec<SuppressionCheck>, StoreError> {
    let at = Instant::now();
    let wanted: Vec<_> = transmissions.iter().map(|it| recipient(it)).collect();
    let known: Vec<_> = wanted.iter().flatten().copied().collect();
    let owners: HashSet<_> = transmissions
        .iter()
        .filter_map(|it| it.owning_user())
        .collect();
    let owners: Vec<Id<User>> = owners.into_iter().collect();
    let (listed, owners) = futures::try_join!(
        shared.suppression.among(&known),
        shared.commands.store().load_many(&owners),
    )?;
    let mut listed = listed.into_iter();
    let absence = |owner: Owner| {
        let user = owner.user.and_then(|user| owners.get(&user));
        let user = user.map(|it| it.aggregate.clone()).unwrap_or_default();
        user.absence_from(owner.tenant)
    };
    let asked = wanted
        .iter()
        .zip(transmissions)
        .map(|(wanted, it)| SuppressionCheck {
            at,
            listed: wanted.and_then(|_| listed.next().flatten()),
            owner_left: it.owner().and_then(absence),
        });
    Ok(asked.collect())
}

/// The owner, the service and the destination to look up in the lists; `None` if the
/// destination was erased, or if the message is a confirmation, which no list stops.
fn recipient(transmission: &Transmission) -> Option<(Owner, Service, &str)> {
    let service = transmission.order()?.service;
    let assignment = transmission.assignment()?;
    let destination = assignment
        .destination
        .filter(|_| !assignment.flow.confirms())?;
    Some((transmission.owner()?, service, destination))
}

impl Attempt {
    /// Ends or defers the attempt if it must not be made now.
    pub(super) async fn check_suppression(&self) -> Option<QueueAction> {
        let command = match self.forbidden(&mut { self.suppression_check }).await {
            Ok(command) => command?,
            Err(error) => {
                tracing::warn!(spool.id = self.job.spool_id, %error, "the suppression check of an attempt failed and is repeated");
                return Some(QueueAction::Back(clock::now() + UNKNOWN));
            }
        };
        match self.settle(command).await {
            Ok(()) => Some(QueueAction::Settled),
            Err(_) => Some(self.clear().await),
        }
    }

    /// Defers an attempt that exceeds its campaign's pace. If the pause is long it is withdrawn,
    /// since its deadline would pass in the queue.
    pub(super) async fn later(&self, pause: Duration) -> QueueAction {
        if pause < LONG {
            return self.back_in(pause);
        }
        self.withdraw("its campaign's pace has no room yet").await
    }

    /// Withdraws the attempt from the queue; its campaign sends the message again later.
    pub(super) async fn withdraw(&self, reason: &str) -> QueueAction {
        match self.settle(self.withdrawal(reason)).await {
            Ok(()) => QueueAction::Settled,
            Err(_) => self.clear().await,
        }
    }

    fn withdrawal(&self, reason: &str) -> TransmissionCommand {
        TransmissionCommand::Withdraw {
            spool: self.id(),
            at: clock::now(),
            reason: reason.to_owned(),
        }
    }

    fn suppression(&self, reason: String) -> TransmissionCommand {
        TransmissionCommand::Suppress {
            spool: Some(self.id()),
            at: clock::now(),
            reason,
        }
    }

    /// The command to send instead of making the attempt, if it must not be made: by the earlier
    /// check `asked` if that is still fresh, else by a new one.
    pub(super) async fn forbidden(
        &self,
        asked: &mut SuppressionCheck,
    ) -> Result<Option<TransmissionCommand>, StoreError> {
        if let Some(campaign) = self.job.campaign_id {
            match self.shared.campaigns.state(campaign).await? {
                CampaignState::Running(_) => {}
                CampaignState::Stopped => {
                    return Ok(Some(self.withdrawal("its campaign was stopped")));
                }
                CampaignState::Ended => {
                    let reason = "its campaign was deleted".to_owned();
                    return Ok(Some(self.suppression(reason)));
                }
            }
        }
        // Single sends go out whatever the hour.
        let order = self.transmission.order().filter(|_| self.is_bulk());
        let hours = order.and_then(|order| order.hours.as_ref());
        if hours.is_some_and(|hours| hours.is_quiet(clock::now())) {
            return Ok(Some(self.withdrawal("the recipient has quiet hours")));
        }
        let log = self.shared.commands.store().log();
        let unchanged = |kind| log.is_unchanged(kind, asked.at, FRESH);
        if !(unchanged(OptOut::TYPE) && unchanged(User::TYPE)) {
            let again = ask(&self.shared, &[&self.transmission]).await?;
            *asked = again.first().copied().unwrap_or(*asked);
        }
        if let Some(reason) = asked.owner_left {
            // A campaign goes on with its unsent messages once its owner is active again.
            return Ok(Some(if self.is_bulk() {
                self.withdrawal(reason)
            } else {
                self.suppression(reason.to_owned())
            }));
        }
        let listed = asked.listed.map(|listed| {
            let id = listed.id;
            let channel = match listed.channel.name() {
                "any" => "every channel",
                one => one,
            };
            self.suppression(format!(
                "the recipient opted out of {channel} (opt-out {id})"
            ))
        });
        Ok(listed)
    }
}
