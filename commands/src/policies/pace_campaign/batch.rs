//! Batches: the transmissions for the next contacts of the group, created in one append.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate as _;
use dispatch::backlog;
use domain::{
    Id, Personal,
    delivery::{
        Batch, CampaignCommand, Direction, Order, SendPlan, Spool, Transmission,
        TransmissionCommand,
        hours::{Hours, zone_of},
    },
    flow::Service,
    people::{Contact, Group, normal_address},
};
use eventstore::{StoreError, clock};
use projections::delivery::campaign_contacts::{self, Member};

use super::{Pacer, RunningCampaign, bulk};
use crate::{CommandError, sending::lacking};

/// The result of a batch.
pub(super) struct Made {
    /// Transmissions created.
    pub made: usize,
    /// Transmissions among them that were sent.
    pub sent: usize,
}

/// The decision on a contact's transmission.
enum Turn {
    /// Sent now to this address.
    Send(String),
    /// Left in the backlog.
    Wait,
    /// Suppressed, for this reason.
    Never(String),
}

impl Pacer {
    /// Creates the transmissions of the next `wanted` contacts, and sends up to `budget` of them.
    pub(super) async fn make_batch(
        &mut self,
        state: &RunningCampaign,
        wanted: usize,
        budget: usize,
    ) -> Result<Made, CommandError> {
        let (policies, campaign) = (self.policies.clone(), &state.loaded.aggregate);
        let after = campaign.reached().map_or(0, Id::get);
        if !self.begin(state, after).await? {
            return Ok(Made { made: 0, sent: 0 });
        }
        let group = state.details.group_id.get();
        let members =
            campaign_contacts::members(&policies.pool, group, after, self.since, wanted).await;
        let members = members.map_err(StoreError::Database)?;
        let last = members.len() < wanted;
        let to = members.last().map_or(after, |member| member.contact_id);
        let members: Vec<Member> = members.into_iter().filter(|it| it.exists).collect();

        let turns = self.turns(state, &members, budget).await?;
        let sent = turns.iter().filter(|turn| matches!(turn, Turn::Send(_)));
        let sent = sent.count();
        let ids = policies.commands.next_ids(Transmission::TYPE, turns.len());
        let ids: Vec<Id<Transmission>> = ids.await?;
        let mut spools = policies.commands.next_ids("spool", sent).await?.into_iter();
        let contacts = members.iter().map(|member| Id::new(member.contact_id));
        let contacts: Vec<Id<Contact>> = contacts.collect();
        policies.commands.store().warm_keys(&contacts).await?;

        let mut append = policies.commands.begin_append();
        let batch = Batch {
            to: Id::new(to),
            made: turns.len() as u64,
            last,
        };
        let advanced = append.send(self.id, &state.loaded, CampaignCommand::Advance(batch));
        advanced.await?.map_err(CommandError::Refused)?;
        let at = clock::now();
        let deadline = at + policies.sending.within(state.details.service);
        for ((id, member), turn) in ids.into_iter().zip(&members).zip(turns) {
            let mut commands = vec![self.creation(state, id, member)];
            match turn {
                Turn::Wait => {}
                Turn::Never(reason) => commands.push(TransmissionCommand::Suppress {
                    spool: None,
                    at,
                    reason,
                }),
                Turn::Send(address) => {
                    let spool = spools.next();
                    let plan = campaign.running();
                    commands.extend(spool.zip(plan).map(|(spool, plan)| {
                        let contact = Id::<Contact>::new(member.contact_id);
                        sending(spool, plan, contact, address, (at, deadline))
                    }));
                }
            }
            let made = append.create(id, commands).await?;
            made.map_err(|error| CommandError::Refused(error.into()))?;
        }
        append.commit(&bulk(&state.loaded)).await?;
        Ok(Made {
            made: batch.made as usize,
            sent,
        })
    }

    /// Deletes records of reached addresses beyond the position in the log, which a pacer before
    /// may have left. False while the read models do not show the members of the group yet.
    async fn begin(&mut self, state: &RunningCampaign, after: i64) -> Result<bool, CommandError> {
        if self.begun {
            return Ok(true);
        }
        let policies = &self.policies;
        let within = std::time::Duration::from_secs(5);
        // The read models of groups and contacts must have reached the position at which the
        // campaign was started.
        for kind in [Group::TYPE, Contact::TYPE] {
            let high_water_marks = &policies.high_water_marks;
            if !high_water_marks.reaches(kind, self.since, within).await {
                let id = self.id.get();
                tracing::warn!(campaign.id = id, kind, "a campaign waits for its contacts");
                return Ok(false);
            }
        }
        if !state.details.duplicates {
            let unreached = backlog::unreach(&policies.pool, self.id.get(), after).await;
            unreached.map_err(StoreError::Database)?;
        }
        self.begun = true;
        Ok(true)
    }

    async fn turns(
        &self,
        state: &RunningCampaign,
        members: &[Member],
        budget: usize,
    ) -> Result<Vec<Turn>, CommandError> {
        let service = state.details.service;
        let twins = if state.details.duplicates {
            HashMap::new()
        } else {
            self.twins(service, members).await?
        };
        let (mut left, now) = (budget, clock::now());
        let turns = members.iter().map(|member| {
            let Some(address) = address(member, service) else {
                return Turn::Never(format!("the contact has {}", lacking(service)));
            };
            if let Some(first) = twins.get(&member.contact_id) {
                return Turn::Never(format!(
                    "contact {first} of the campaign has the same address"
                ));
            }
            let hours = self.hours(state, member);
            if left == 0 || hours.is_some_and(|hours| hours.is_quiet(now)) {
                return Turn::Wait;
            }
            left -= 1;
            Turn::Send(address.clone())
        });
        Ok(turns.collect())
    }

    /// The contacts of these whose address an earlier contact of the campaign has, with the
    /// earlier contact.
    async fn twins(
        &self,
        service: Service,
        members: &[Member],
    ) -> Result<HashMap<i64, i64>, CommandError> {
        let store = self.policies.commands.store();
        let mut keys = HashMap::new();
        for member in members {
            if let Some(address) = address(member, service) {
                let text = format!("campaign/{}/{}", self.id, normal_address(address));
                let key = store.fingerprint(&text);
                // 64 bits of it, as a number: enough to distinguish the members of a group.
                let key = key
                    .get(..16)
                    .and_then(|hex| u64::from_str_radix(hex, 16).ok());
                keys.insert(member.contact_id, key.unwrap_or_default() as i64);
            }
        }
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let addresses: Vec<(i64, i64)> = keys.iter().map(|(&id, &key)| (key, id)).collect();
        let whose = backlog::reach(&self.policies.pool, self.id.get(), &addresses).await;
        let whose: HashMap<i64, i64> = whose.map_err(StoreError::Database)?.into_iter().collect();
        let twins = keys.into_iter().filter_map(|(id, key)| {
            let first = *whose.get(&key)?;
            (first != id).then_some((id, first))
        });
        Ok(twins.collect())
    }

    fn creation(
        &self,
        state: &RunningCampaign,
        id: Id<Transmission>,
        member: &Member,
    ) -> TransmissionCommand {
        let details = &state.details;
        let account = state.loaded.aggregate.running().map(|it| it.account_id);
        TransmissionCommand::Create {
            id,
            owner: state.owner,
            order: Order {
                title: None,
                origin: None,
                contact_id: Id::new(member.contact_id),
                account_id: account,
                program_id: details.program_id,
                service: details.service,
                direction: Direction::Outbound,
                try_allowed: details.try_allowed,
                campaign_id: Some(self.id),
                hours: self.hours(state, member),
            },
        }
    }

    /// The contact's quiet hours, in its time zone.
    pub(super) fn hours(&self, state: &RunningCampaign, member: &Member) -> Option<Hours> {
        let quiet = state.details.quiet.clone()?;
        let own = member.timezone.as_ref().and_then(|zone| zone.parse().ok());
        let phone = member.phone.as_ref().and_then(|phone| phone.parse().ok());
        let [account, owner] = &self.zones;
        let zone = zone_of(
            own.as_ref(),
            phone.as_ref(),
            account.as_ref(),
            owner.as_ref(),
        );
        Some(Hours { quiet, zone })
    }
}

/// The address at which this service reaches a contact.
pub(super) fn address(member: &Member, service: Service) -> Option<&String> {
    match service {
        Service::Email => member.email.as_ref(),
        Service::Voice | Service::Fax | Service::Sms => member.phone.as_ref(),
    }
}

/// The command that sends a transmission of a campaign.
pub(super) fn sending(
    spool: Id<Spool>,
    plan: &SendPlan,
    contact: Id<Contact>,
    address: String,
    (at, deadline): (DateTime<Utc>, DateTime<Utc>),
) -> TransmissionCommand {
    TransmissionCommand::Send {
        spool,
        at,
        deadline,
        flow: plan.flow.clone(),
        program_version: plan.program_version,
        account_id: plan.account_id,
        destination: Personal::new(contact.subject(), address),
        again: false,
        force: false,
        paced: true,
    }
}
