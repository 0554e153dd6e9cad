//! What is put on record of something that came in.

use std::collections::{HashMap, HashSet};

use domain::{
    Entity, Id, Personal,
    access::User,
    delivery::{
        Arrival, Direction, Order, ResultKind, SpoolResult, Transmission, TransmissionCommand,
    },
    flow::{Flow, Service, application},
    people::{Channel, Contact, OptOut, OptOutCommand, OptOutSource, Wish},
};
use eventstore::StoreError;

use super::{Brought, Desk, lookup::Counter, together::settled};
use crate::{CommandError, Together};

/// Something that is taken in: under which key, and where.
pub(super) struct Coming<'b> {
    /// Its place among all that were brought together.
    pub at: usize,
    pub brought: &'b Brought,
    pub key: &'b str,
    pub counter: &'b Counter,
}

/// The opt-outs that there are, by what they claim.
type Listed = HashMap<String, Id<OptOut>>;

impl Brought {
    /// Who sent it, as far as is known.
    pub(super) fn source(&self) -> &str {
        self.message.source.as_deref().unwrap_or_default()
    }
}

impl Desk {
    /// The message itself.
    pub async fn arrive(
        &self,
        together: &mut Together<'_>,
        one: &Coming<'_>,
        contact: Id<Contact>,
    ) -> Result<Id<Transmission>, CommandError> {
        let Coming {
            brought, counter, ..
        } = one;
        let id = self.commands.next_id("transmission").await?;
        let arrival = Arrival {
            id,
            owner: counter.owner(),
            order: order(brought.service, counter, contact, Direction::Inbound),
            spool: self.commands.next_id("spool").await?,
            at: brought.at,
            provider: brought.provider,
            account_id: Id::new(counter.recipient.account_id),
            flow: counter.flow.clone(),
            program_version: counter.program_version,
            key: one.key.to_owned(),
            message: brought.message.clone(),
            results: results(brought, self.wish(brought)),
        };
        let receive = TransmissionCommand::Receive(Box::new(arrival));
        settled(together.create(id, vec![receive]).await?)?;
        Ok(id)
    }

    /// The opt-outs that those who wish something have already.
    pub async fn listed(&self, coming: &[Coming<'_>]) -> Result<Listed, StoreError> {
        let wishing = coming.iter().filter(|it| self.wish(it.brought).is_some());
        let fingerprints: Vec<_> = wishing.map(|one| self.fingerprint(one)).collect();
        self.suppression.with(&fingerprints).await
    }

    /// Which of these, by their places, say last what their senders wish of an owner.
    pub fn last_wishes<'b>(
        &self,
        brought: impl Iterator<Item = (usize, Id<User>, &'b Brought)>,
    ) -> HashSet<usize> {
        let mut last = HashMap::new();
        for (at, owner, brought) in brought.filter(|(_, _, it)| self.wish(it).is_some()) {
            let source = brought.source();
            let sender = self.suppression.fingerprint(owner, Channel::Sms, source);
            let latest = last.entry(sender).or_insert(at);
            *latest = at.max(*latest);
        }
        last.into_values().collect()
    }

    /// What is done because the sender wishes it.
    pub async fn heed(
        &self,
        together: &mut Together<'_>,
        one: &Coming<'_>,
        contact: Id<Contact>,
        listed: &Listed,
    ) -> Result<(), CommandError> {
        let Some(wish) = self.wish(one.brought) else {
            return Ok(());
        };
        let there = listed.get(&self.fingerprint(one)).copied();
        let owner = one.counter.owner();
        let is_new = self
            .list(together, wish, owner, one.brought.source(), there)
            .await?;
        match wish {
            Wish::Stop {
                answer: Some(words),
            } if is_new => self.confirm(together, one, contact, words).await,
            _ => Ok(()),
        }
    }

    /// The same for a message that no program of this owner's takes in: it is not kept, so
    /// nothing is answered to it either.
    pub async fn heed_unread(
        &self,
        together: &mut Together<'_>,
        owner: Id<User>,
        brought: &Brought,
    ) -> Result<(), CommandError> {
        let Some(wish) = self.wish(brought) else {
            return Ok(());
        };
        let source = brought.source();
        let fingerprint = self.suppression.fingerprint(owner, Channel::Sms, source);
        let listed = self.suppression.with(std::slice::from_ref(&fingerprint));
        let there = listed.await?.get(&fingerprint).copied();
        self.list(together, wish, owner, source, there)
            .await
            .map(drop)
    }

    /// Puts a sender on the owner's list, or takes them off; whether they are new on it.
    async fn list(
        &self,
        together: &mut Together<'_>,
        wish: &Wish,
        owner: Id<User>,
        source: &str,
        there: Option<Id<OptOut>>,
    ) -> Result<bool, CommandError> {
        match (wish, there) {
            (Wish::Stop { .. }, None) => {
                let id = self.commands.next_id("optout").await?;
                let list = (owner, Channel::Sms);
                let listing = self
                    .suppression
                    .listing(id, list, source, OptOutSource::Stop);
                // A name cannot be written to, and need not be listed.
                let Ok(add) = listing else {
                    return Ok(false);
                };
                settled(together.create(id, vec![add]).await?)?;
                return Ok(true);
            }
            (Wish::Start, Some(id)) => {
                let optout = self.commands.store().load::<OptOut>(id).await?;
                if optout.aggregate.exists() {
                    settled(together.send(id, &optout, OptOutCommand::Remove).await?)?;
                }
            }
            (Wish::Stop { .. }, Some(_)) | (Wish::Start, None) => {}
        }
        Ok(false)
    }

    /// The one message that they get who wished no more of them.
    async fn confirm(
        &self,
        together: &mut Together<'_>,
        one: &Coming<'_>,
        contact: Id<Contact>,
        words: &str,
    ) -> Result<(), CommandError> {
        let Coming {
            brought, counter, ..
        } = one;
        let id = self.commands.next_id("transmission").await?;
        let create = TransmissionCommand::Create {
            id,
            owner: counter.owner(),
            order: order(Service::Sms, counter, contact, Direction::Outbound),
        };
        let send = TransmissionCommand::Send {
            spool: self.commands.next_id("spool").await?,
            at: brought.at,
            deadline: brought.at + self.deadlines.of(Service::Sms),
            flow: Flow::confirming(words.to_owned()),
            program_version: counter.program_version,
            account_id: Id::new(counter.recipient.account_id),
            destination: Personal::of(contact.subject(), brought.source().to_owned()),
            again: false,
            force: false,
            paced: false,
        };
        settled(together.create(id, vec![create, send]).await?)
    }

    /// What the sender wishes, if the message is nothing but that.
    fn wish(&self, brought: &Brought) -> Option<&Wish> {
        let text = brought.message.text.as_deref()?;
        let is_sms = brought.service == Service::Sms;
        is_sms.then(|| self.words.wish(text)).flatten()
    }

    fn fingerprint(&self, one: &Coming<'_>) -> String {
        let owner = one.counter.owner();
        self.suppression
            .fingerprint(owner, Channel::Sms, one.brought.source())
    }
}

fn results(brought: &Brought, wish: Option<&Wish>) -> Vec<SpoolResult> {
    let message = &brought.message;
    let info = |name: &str, data: &str| SpoolResult::new(ResultKind::Info, name, data);
    let received = received_by(brought.service);
    let mut results = vec![SpoolResult::new(
        ResultKind::Application,
        received,
        "success",
    )];
    results.extend(message.source.as_deref().map(|it| info("source", it)));
    results.push(info("destination", &message.destination));
    results.extend(message.subject.as_deref().map(|it| info("subject", it)));
    if brought.service == Service::Sms {
        results.extend(message.text.as_deref().map(|it| info("text", it)));
    }
    results.extend(wish.map(|wish| match wish {
        Wish::Stop { .. } => info("wish", "stop"),
        Wish::Start => info("wish", "start"),
    }));
    results.extend(brought.results.iter().cloned());
    results
}

fn order(service: Service, counter: &Counter, contact: Id<Contact>, direction: Direction) -> Order {
    Order {
        title: None,
        origin: "inbound".parse().ok(),
        contact_id: contact,
        account_id: Some(Id::new(counter.recipient.account_id)),
        program_id: counter.program,
        service,
        direction,
        try_allowed: 1,
        campaign_id: None,
        hours: None,
    }
}

const fn received_by(service: Service) -> &'static str {
    match service {
        Service::Email => application::EMAIL_RECEIVE,
        Service::Fax => application::FAX_RECEIVE,
        Service::Sms => application::SMS_RECEIVE,
        Service::Voice => application::INBOUND,
    }
}
