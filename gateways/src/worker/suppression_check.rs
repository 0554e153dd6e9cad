//! The suppression check before an attempt: its campaign was stopped, its owner was deleted or
//! deactivated, its recipient opted out, or has quiet hours.

use std::{collections::HashSet, time::Duration};

use chrono::TimeDelta;
use commands::suppression::Listed;
use cqrs_es::Aggregate as _;
use domain::{
    Entity as _, Id,
    access::User,
    delivery::{Transmission, TransmissionCommand},
    flow::Service,
    people::OptOut,
};
use eventstore::{StoreError, clock};
use tokio::time::Instant;

use super::{Shared, attempt::Attempt, attempt::Fate, campaigns::Standing};

/// While this process has not seen the log for so long, what the lists said before does not
/// count. It sees what it appends itself at once, so this is what an opt-out that another
/// process takes may be late by.
pub(super) const FRESH: Duration = Duration::from_millis(250);
/// So long no attempt of a campaign waits in the queue for its turn.
const LONG: Duration = Duration::from_secs(5);
/// When to try again while nobody can tell whether the recipient opted out.
const UNKNOWN: TimeDelta = TimeDelta::seconds(2);

/// Why a transmission of a user who was deleted or is not active is not sent.
const OWNER_LEFT: &str = "its owner was deleted or deactivated";

/// What the do-not-contact lists said of an attempt, and whether its owner may send; when
/// they were asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SuppressionCheck {
    pub at: Instant,
    pub listed: Option<Listed>,
    pub owner_active: bool,
}

/// Asks the lists, and the log about the owners, for many attempts at once.
pub(crate) async fn ask(
    shared: &Shared,
    transmissions: &[&Transmission],
) -> Result<Vec<SuppressionCheck>, StoreError> {
    let at = Instant::now();
    let wanted: Vec<_> = transmissions.iter().map(|it| recipient(it)).collect();
    let known: Vec<_> = wanted.iter().flatten().copied().collect();
    let owners: HashSet<_> = transmissions.iter().filter_map(|it| it.owner()).collect();
    let owners: Vec<Id<User>> = owners.into_iter().collect();
    let (listed, owners) = futures::try_join!(
        shared.suppression.among(&known),
        shared.commands.store().load_many(&owners),
    )?;
    let mut listed = listed.into_iter();
    let is_active = |owner: Id<User>| {
        owners
            .get(&owner)
            .is_some_and(|it| it.aggregate.is_active())
    };
    let asked = wanted
        .iter()
        .zip(transmissions)
        .map(|(wanted, it)| SuppressionCheck {
            at,
            listed: wanted.and_then(|_| listed.next().flatten()),
            owner_active: it.owner().is_none_or(is_active),
        });
    Ok(asked.collect())
}

/// Whose transmission it is, and where it goes; nothing if that was erased, or if it goes
/// there whatever the lists say.
fn recipient(transmission: &Transmission) -> Option<(Id<User>, Service, &str)> {
    let service = transmission.order()?.service;
    let assignment = transmission.assignment()?;
    let destination = assignment
        .destination
        .filter(|_| !assignment.flow.confirms())?;
    Some((transmission.owner()?, service, destination))
}

impl Attempt {
    /// Ends the attempt, or puts it off, if it must not be made now.
    pub(super) async fn check_suppression(&self) -> Option<Fate> {
        let command = match self.forbidden(&mut { self.suppression_check }).await {
            Ok(command) => command?,
            Err(error) => {
                tracing::warn!(spool.id = self.job.spool_id, %error, "an attempt cannot be checked");
                return Some(Fate::Back(clock::now() + UNKNOWN));
            }
        };
        match self.settle(command).await {
            Ok(()) => Some(Fate::Settled),
            Err(_) => Some(self.clear().await),
        }
    }

    /// For one that its campaign's pace has no room for. Where that is long it does not
    /// wait in the queue, where its deadline would pass.
    pub(super) async fn later(&self, pause: Duration) -> Fate {
        if pause < LONG {
            return self.back_in(pause);
        }
        self.withdraw("its campaign's pace has no room yet").await
    }

    /// Takes it off the queue; its campaign sends it again when it can go.
    pub(super) async fn withdraw(&self, reason: &str) -> Fate {
        match self.settle(self.withdrawal(reason)).await {
            Ok(()) => Fate::Settled,
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

    /// What must be done instead of making it, by what was asked, if that still holds, or
    /// is asked now.
    pub(super) async fn forbidden(
        &self,
        asked: &mut SuppressionCheck,
    ) -> Result<Option<TransmissionCommand>, StoreError> {
        if let Some(campaign) = self.job.campaign_id {
            match self.shared.campaigns.standing(campaign).await? {
                Standing::Runs(_) => {}
                Standing::Stands => return Ok(Some(self.withdrawal("its campaign was stopped"))),
                Standing::Gone => {
                    let reason = "its campaign was deleted".to_owned();
                    return Ok(Some(self.suppression(reason)));
                }
            }
        }
        // What a person sends goes whatever the hour.
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
        if !asked.owner_active {
            // A campaign goes on, with what it has not sent, once its owner is active again.
            return Ok(Some(if self.is_bulk() {
                self.withdrawal(OWNER_LEFT)
            } else {
                self.suppression(OWNER_LEFT.to_owned())
            }));
        }
        let listed = asked.listed.map(|listed| {
            let (channel, id) = (listed.channel.name(), listed.id);
            self.suppression(format!(
                "the recipient opted out of {channel} (opt-out {id})"
            ))
        });
        Ok(listed)
    }
}
