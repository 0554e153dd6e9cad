//! The events of inbound messages.

use std::collections::{HashMap, HashSet};

use domain::{
    Entity, Id, Owner, Personal,
    delivery::{
        Arrival, Direction, Order, ResultKind, Spool, SpoolResult, Transmission,
        TransmissionCommand,
    },
    flow::{Flow, Service, application},
    people::{Channel, Contact, OptOut, OptOutCommand, OptOutSource, Wish},
};
use eventstore::StoreError;

use super::{InboundMessage, Ingest, lookup::Route, settled};
use crate::{AtomicAppend, CommandError};

/// An inbound message with its key and its route.
pub(super) struct RoutedMessage<'b> {
    /// The index of the message in the batch.
    pub at: usize,
    pub inbound: &'b InboundMessage,
    pub key: &'b str,
    pub route: &'b Route,
}

impl RoutedMessage<'_> {
    /// The arrival of the message, with these ids and without results.
    pub fn arrival(
        &self,
        (id, spool): (Id<Transmission>, Id<Spool>),
        contact: Id<Contact>,
    ) -> Arrival {
        let Self { inbound, route, .. } = self;
        Arrival {
            id,
            owner: route.owner(),
            order: order(inbound.service, route, contact, Direction::Inbound),
            spool,
            at: inbound.at,
            provider: inbound.provider,
            account_id: Id::new(route.recipient.account_id),
            flow: route.flow.clone(),
            program_version: route.program_version,
            key: self.key.to_owned(),
            message: inbound.message.clone(),
            results: Vec::new(),
        }
    }
}

/// An inbound message that no program takes in, to the account of an owner.
pub(super) struct UnroutedMessage<'b> {
    /// The index of the message in the batch.
    pub at: usize,
    pub inbound: &'b InboundMessage,
    pub key: &'b str,
    pub owner: Owner,
}

/// Existing opt-outs, by the fingerprint that they claim.
type Listed = HashMap<String, Id<OptOut>>;

impl InboundMessage {
    /// The sender's address; empty if unknown.
    pub(super) fn source(&self) -> &str {
        self.message.source.as_deref().unwrap_or_default()
    }
}

impl Ingest {
    /// Adds the inbound transmission of a message; answers its id and that of its attempt.
    pub async fn arrive(
        &self,
        append: &mut AtomicAppend<'_>,
        one: &RoutedMessage<'_>,
        contact: Id<Contact>,
    ) -> Result<(Id<Transmission>, Id<Spool>), CommandError> {
        let id = self.commands.next_id("transmission").await?;
        let spool = self.commands.next_id("spool").await?;
        let arrival = Arrival {
            results: results(one.inbound, self.wish(one.inbound)),
            ..one.arrival((id, spool), contact)
        };
        let receive = TransmissionCommand::Receive(Box::new(arrival));
        settled(append.create(id, vec![receive]).await?)?;
        Ok((id, spool))
    }

    /// The existing opt-outs of senders whose message is a wish (`STOP` or `START`).
    pub async fn listed(&self, routed: &[RoutedMessage<'_>]) -> Result<Listed, StoreError> {
        let wishing = routed.iter().filter(|it| self.wish(it.inbound).is_some());
        let fingerprints: Vec<_> = wishing.map(|one| self.fingerprint(one)).collect();
        self.suppression.with(&fingerprints).await
    }

    /// The indexes of the messages that hold the last wish of each sender to an owner.
    pub fn last_wishes<'b>(
        &self,
        inbound: impl Iterator<Item = (usize, Owner, &'b InboundMessage)>,
    ) -> HashSet<usize> {
        let mut last = HashMap::new();
        for (at, owner, inbound) in inbound.filter(|(_, _, it)| self.wish(it).is_some()) {
            let source = inbound.source();
            let sender = self.suppression.fingerprint(owner, Channel::Sms, source);
            let latest = last.entry(sender).or_insert(at);
            *latest = at.max(*latest);
        }
        last.into_values().collect()
    }

    /// Carries out the sender's wish, if the message is one, and confirms a new opt-out if an
    /// answer is configured.
    pub async fn heed(
        &self,
        append: &mut AtomicAppend<'_>,
        one: &RoutedMessage<'_>,
        contact: Id<Contact>,
        listed: &Listed,
    ) -> Result<(), CommandError> {
        let Some(wish) = self.wish(one.inbound) else {
            return Ok(());
        };
        let there = listed.get(&self.fingerprint(one)).copied();
        let owner = one.route.owner();
        let is_new = self
            .list(append, wish, owner, one.inbound.source(), there)
            .await?;
        match wish {
            Wish::Stop {
                answer: Some(words),
            } if is_new => self.confirm(append, one, contact, words).await,
            _ => Ok(()),
        }
    }

    /// Carries out the wish in a message that no program of the owner takes in. The message is not
    /// kept, so it is not answered either.
    pub async fn heed_unread(
        &self,
        append: &mut AtomicAppend<'_>,
        one: &UnroutedMessage<'_>,
    ) -> Result<(), CommandError> {
        let &UnroutedMessage { inbound, owner, .. } = one;
        let Some(wish) = self.wish(inbound) else {
            return Ok(());
        };
        let source = inbound.source();
        let fingerprint = self.suppression.fingerprint(owner, Channel::Sms, source);
        let listed = self.suppression.with(std::slice::from_ref(&fingerprint));
        let there = listed.await?.get(&fingerprint).copied();
        self.list(append, wish, owner, source, there)
            .await
            .map(drop)
    }

    /// Adds a sender to the owner's do-not-contact list, or removes them; true if newly added.
    async fn list(
        &self,
        append: &mut AtomicAppend<'_>,
        wish: &Wish,
        owner: Owner,
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
                // An alphanumeric sender cannot be written to, and need not be listed.
                let Ok(add) = listing else {
                    return Ok(false);
                };
                settled(append.create(id, vec![add]).await?)?;
                return Ok(true);
            }
            (Wish::Start, Some(id)) => {
                let optout = self.commands.store().load::<OptOut>(id).await?;
                if optout.aggregate.exists() {
                    settled(append.send(id, &optout, OptOutCommand::Remove).await?)?;
                }
            }
            (Wish::Stop { .. }, Some(_)) | (Wish::Start, None) => {}
        }
        Ok(false)
    }

    /// Sends the sender one message that confirms the opt-out.
    async fn confirm(
        &self,
        append: &mut AtomicAppend<'_>,
        one: &RoutedMessage<'_>,
        contact: Id<Contact>,
        words: &str,
    ) -> Result<(), CommandError> {
        let RoutedMessage { inbound, route, .. } = one;
        let id = self.commands.next_id("transmission").await?;
        let create = TransmissionCommand::Create {
            id,
            owner: route.owner(),
            order: order(Service::Sms, route, contact, Direction::Outbound),
        };
        let send = TransmissionCommand::Send {
            spool: self.commands.next_id("spool").await?,
            at: inbound.at,
            deadline: inbound.at + self.deadlines.within(Service::Sms),
            flow: Flow::confirming(words.to_owned()),
            program_version: route.program_version,
            account_id: Id::new(route.recipient.account_id),
            destination: Personal::new(contact.subject(), inbound.source().to_owned()),
            again: false,
            force: false,
            paced: false,
        };
        settled(append.create(id, vec![create, send]).await?)
    }

    /// The sender's wish, if the message is an SMS that consists of nothing else.
    fn wish(&self, inbound: &InboundMessage) -> Option<&Wish> {
        let text = inbound.message.text.as_deref()?;
        let is_sms = inbound.service == Service::Sms;
        is_sms.then(|| self.words.wish(text)).flatten()
    }

    fn fingerprint(&self, one: &RoutedMessage<'_>) -> String {
        let owner = one.route.owner();
        self.suppression
            .fingerprint(owner, Channel::Sms, one.inbound.source())
    }
}

fn results(inbound: &InboundMessage, wish: Option<&Wish>) -> Vec<SpoolResult> {
    let message = &inbound.message;
    let info = |name: &str, data: &str| SpoolResult::new(ResultKind::Info, name, data);
    let received = received_by(inbound.service);
    let mut results = vec![SpoolResult::new(
        ResultKind::Application,
        received,
        "success",
    )];
    results.extend(message.source.as_deref().map(|it| info("source", it)));
    results.push(info("destination", &message.destination));
    results.extend(message.subject.as_deref().map(|it| info("subject", it)));
    if inbound.service == Service::Sms {
        results.extend(message.text.as_deref().map(|it| info("text", it)));
    }
    results.extend(wish.map(|wish| match wish {
        Wish::Stop { .. } => info("wish", "stop"),
        Wish::Start => info("wish", "start"),
    }));
    results.extend(inbound.results.iter().cloned());
    results
}

fn order(service: Service, route: &Route, contact: Id<Contact>, direction: Direction) -> Order {
    Order {
        title: None,
        origin: "inbound".parse().ok(),
        contact_id: contact,
        account_id: Some(Id::new(route.recipient.account_id)),
        program_id: route.program,
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
