//! Sends transmissions from the backlog, which were created before they were due.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use dispatch::backlog::{self, Ready};
use domain::{
    Id,
    delivery::{Order, SendPlan, Spool, Transmission, TransmissionCommand},
    people::Contact,
};
use eventstore::{StoreError, clock};
use projections::delivery::campaign_contacts::{self, Member};

use super::{
    Pacer, RunningCampaign,
    batch::{address, sending},
    bulk,
};
use crate::{CommandError, sending::lacking};

/// A transmission's order and its contact, if that still exists.
pub(super) struct Recipient {
    pub order: Order,
    pub member: Option<Member>,
}

impl Pacer {
    /// Sends at most `most` due transmissions of the backlog; answers the number sent.
    pub(super) async fn send_backlog(
        &mut self,
        state: &RunningCampaign,
        most: usize,
    ) -> Result<usize, CommandError> {
        let policies = self.policies.clone();
        let limit = most + self.sent.len();
        let ready = backlog::ready(&policies.pool, self.id.get(), Some(clock::now()), limit);
        let ready = ready.await.map_err(StoreError::Database)?;
        // A send leaves the backlog a moment later, once the queue's feed has seen it.
        self.sent.retain(|one| ready.contains(one));
        let new = ready.into_iter().filter(|one| !self.sent.contains(one));
        let new: Vec<Ready> = new.take(most).collect();
        let Some(plan) = state.loaded.aggregate.running() else {
            return Ok(0);
        };
        if new.is_empty() {
            return Ok(0);
        }
        let recipients = self.recipients(&new).await?;
        let spools = policies.commands.next_ids("spool", new.len()).await?;
        let members = recipients.values().filter_map(|it| it.member.as_ref());
        let contacts: Vec<Id<Contact>> = members.map(|it| Id::new(it.contact_id)).collect();
        policies.commands.store().warm_keys(&contacts).await?;

        let at = clock::now();
        let commands = new.iter().zip(spools).filter_map(|(one, spool)| {
            let id = Id::<Transmission>::new(one.transmission_id);
            let recipient = recipients.get(&one.transmission_id)?;
            Some((id, self.now(state, recipient, plan, (spool, at))))
        });
        let commands: Vec<_> = commands.collect();
        let sends = commands
            .iter()
            .map(|(_, command)| matches!(command, TransmissionCommand::Send { .. }));
        let sends: Vec<bool> = sends.collect();
        let metadata = bulk(&state.loaded);
        let answers = policies
            .commands
            .send_many(commands, &metadata, vec![])
            .await?;
        self.sent.extend(new);
        let sent = answers.iter().zip(sends);
        Ok(sent.filter(|(answer, is)| *is && answer.is_ok()).count())
    }

    /// The command for a transmission that is due.
    fn now(
        &self,
        state: &RunningCampaign,
        recipient: &Recipient,
        plan: &SendPlan,
        (spool, at): (Id<Spool>, DateTime<Utc>),
    ) -> TransmissionCommand {
        let never = |reason: String| TransmissionCommand::Suppress {
            spool: None,
            at,
            reason,
        };
        let details = &state.details;
        let Some(member) = &recipient.member else {
            return never("the contact was deleted".to_owned());
        };
        let Some(address) = address(member, details.service) else {
            return never(format!("the contact has {}", lacking(details.service)));
        };
        if let Some(revised) = self.revised(state, recipient, member) {
            return revised;
        }
        let contact = Id::new(member.contact_id);
        let deadline = at + self.policies.sending.within(details.service);
        sending(spool, plan, contact, address.clone(), (at, deadline))
    }

    pub(super) async fn recipients(
        &self,
        ready: &[Ready],
    ) -> Result<HashMap<i64, Recipient>, CommandError> {
        let policies = &self.policies;
        let ids = ready.iter().map(|one| Id::new(one.transmission_id));
        let ids: Vec<Id<Transmission>> = ids.collect();
        let loaded = policies.commands.store().load_many_cached(&ids).await?;
        let orders = loaded.into_iter().filter_map(|(id, (loaded, _))| {
            let order = loaded.aggregate.order()?.clone();
            Some((id.get(), order))
        });
        let orders: Vec<(i64, Order)> = orders.collect();
        let contacts = orders.iter().map(|(_, order)| order.contact_id.get());
        let contacts: Vec<i64> = contacts.collect();
        let found = campaign_contacts::contacts(&policies.pool, &contacts).await;
        let found = found.map_err(StoreError::Database)?.into_iter();
        let members: HashMap<i64, Member> = found.map(|it| (it.contact_id, it)).collect();
        let recipients = orders.into_iter().map(|(id, order)| {
            let member = members.get(&order.contact_id.get()).cloned();
            (id, Recipient { order, member })
        });
        Ok(recipients.collect())
    }
}
