//! Out of the backlog: transmissions that were made before their moment.

use std::collections::HashMap;

use domain::{
    Id,
    delivery::{Transmission, TransmissionCommand},
    people::Contact,
};
use eventstore::{StoreError, clock};
use projections::delivery::backlog::{self, Member};

use super::{
    Pacer, State,
    leg::{address, sending},
};
use crate::{CommandError, sending::lacking};

impl Pacer {
    /// Sends up to so many; says how many that were.
    pub(super) async fn send_backlog(
        &mut self,
        state: &State,
        most: usize,
    ) -> Result<usize, CommandError> {
        let policies = self.policies.clone();
        let limit = most + self.sent.len();
        let ready = backlog::ready(&policies.pool, self.id.get(), Some(clock::now()), limit);
        let ready = ready.await.map_err(StoreError::Database)?;
        // The backlog hears of what was sent a moment later.
        self.sent.retain(|id| ready.contains(id));
        let new = ready.into_iter().filter(|id| !self.sent.contains(id));
        let ids: Vec<i64> = new.take(most).collect();
        let Some(briefing) = state.loaded.aggregate.running() else {
            return Ok(0);
        };
        if ids.is_empty() {
            return Ok(0);
        }
        let recipients = self.recipients(&ids).await?;
        let spools = policies.commands.next_ids("spool", ids.len()).await?;
        let contacts = recipients.values().flatten();
        let contacts: Vec<Id<Contact>> =
            contacts.map(|member| Id::new(member.contact_id)).collect();
        policies.commands.store().warm_keys(&contacts).await?;

        let service = state.details.service;
        let at = clock::now();
        let deadline = at + policies.sending.within(service);
        let commands = ids.iter().zip(spools).map(|(&id, spool)| {
            let never = |reason: String| TransmissionCommand::Suppress {
                spool: None,
                at,
                reason,
            };
            let command = match recipients.get(&id) {
                Some(Some(member)) => match address(member, service) {
                    Some(address) => {
                        let contact = Id::new(member.contact_id);
                        sending(spool, briefing, contact, address.clone(), (at, deadline))
                    }
                    None => never(format!("the contact has {}", lacking(service))),
                },
                Some(None) | None => never("the contact was deleted".to_owned()),
            };
            (Id::<Transmission>::new(id), command)
        });
        let commands: Vec<_> = commands.collect();
        let metadata = policies.metadata();
        let answers = policies
            .commands
            .send_many(commands, &metadata, vec![])
            .await?;
        self.sent.extend(ids);
        Ok(answers.iter().filter(|answer| answer.is_ok()).count())
    }

    /// Whom these transmissions reach, if they are still there.
    async fn recipients(&self, ids: &[i64]) -> Result<HashMap<i64, Option<Member>>, CommandError> {
        let policies = &self.policies;
        let ids: Vec<Id<Transmission>> = ids.iter().copied().map(Id::new).collect();
        let loaded = policies.commands.store().load_many_cached(&ids).await?;
        let contact_of: HashMap<i64, i64> = loaded
            .into_iter()
            .filter_map(|(id, (loaded, _))| {
                Some((id.get(), loaded.aggregate.order()?.contact_id.get()))
            })
            .collect();
        let contacts: Vec<i64> = contact_of.values().copied().collect();
        let found = backlog::contacts(&policies.pool, &contacts).await;
        let found = found.map_err(StoreError::Database)?.into_iter();
        let members: HashMap<i64, Member> = found.map(|it| (it.contact_id, it)).collect();
        let recipients = contact_of.into_iter();
        Ok(recipients
            .map(|(id, contact)| (id, members.get(&contact).cloned()))
            .collect())
    }
}
