//! Revision of a campaign's backlog after the campaign was changed while it runs: transmissions
//! created before get the new details.

use dispatch::backlog::{self, Ready};
use domain::{
    Id, Patch,
    delivery::{OrderPatch, Transmission, TransmissionCommand},
};
use eventstore::{StoreError, clock};
use projections::delivery::campaign_contacts::Member;

use super::{BATCH_SIZE, Pacer, RunningCampaign, bulk, send::Recipient};
use crate::CommandError;

/// The progress of a pass over a campaign's backlog since the campaign was last changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Revision {
    version: i64,
    /// The last transmission that was checked; none when all were.
    after: Option<Ready>,
}

impl Revision {
    /// The beginning of a pass for a campaign at this version.
    fn none(version: i64) -> Self {
        let now = Ready {
            transmission_id: 0,
            open_at: clock::now(),
        };
        Self {
            version,
            after: Some(now),
        }
    }
}

impl Pacer {
    /// Checks the next transmissions that wait for the end of quiet hours, which may have changed.
    /// Those that can be sent are checked when they are sent.
    pub(super) async fn revise(
        &mut self,
        state: &RunningCampaign,
        version: i64,
    ) -> Result<(), CommandError> {
        if !state.loaded.aggregate.is_amended() {
            return Ok(());
        }
        let known = self.revision.filter(|known| known.version == version);
        let revision = known.unwrap_or_else(|| Revision::none(version));
        self.revision = Some(revision);
        let Some(after) = revision.after else {
            return Ok(());
        };
        let policies = self.policies.clone();
        let held = backlog::held(&policies.pool, self.id.get(), after, BATCH_SIZE).await;
        let held = held.map_err(StoreError::Database)?;
        let recipients = self.recipients(&held).await?;
        let commands = recipients.into_iter().filter_map(|(id, recipient)| {
            let member = recipient.member.as_ref()?;
            let command = self.revised(state, &recipient, member)?;
            Some((Id::<Transmission>::new(id), command))
        });
        let commands: Vec<_> = commands.collect();
        let metadata = bulk(&state.loaded);
        let answers = policies.commands.send_many(commands, &metadata, vec![]);
        answers.await?;
        self.revision = Some(Revision {
            version,
            after: held.last().copied(),
        });
        Ok(())
    }

    /// The command that adapts a transmission to the present campaign and contact; none if it needs
    /// no change.
    pub(super) fn revised(
        &self,
        state: &RunningCampaign,
        recipient: &Recipient,
        member: &Member,
    ) -> Option<TransmissionCommand> {
        let (order, details) = (&recipient.order, &state.details);
        let hours = self.hours(state, member);
        if hours == order.hours && details.try_allowed == order.try_allowed {
            return None;
        }
        Some(TransmissionCommand::Update(Box::new(OrderPatch {
            hours: hours.map_or(Patch::Clear, Patch::Set),
            try_allowed: Some(details.try_allowed),
            ..OrderPatch::default()
        })))
    }
}
