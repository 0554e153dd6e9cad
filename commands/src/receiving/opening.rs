//! Inbound sessions: calls and faxes that begin, and go on in the process that has them.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use dispatch::queue::{self, Taken};
use domain::{
    Id, Owner,
    delivery::{Holder, Opening, Spool, Transmission, TransmissionCommand},
    flow::Service,
};
use eventstore::{Cause, Effect, Metadata, Position, StoreError};

use projections::people::accounts::Recipient;

use super::{
    ATTEMPTS, InboundMessage, Ingest, NotReceived, Receiving, is_race,
    lookup::{NotRouted, Route},
    record::RoutedMessage,
    settled,
};
use crate::CommandError;

/// An inbound session that begins: somebody calls.
#[derive(Clone, Debug)]
pub struct InboundSession {
    /// The id of its transmission.
    pub transmission: Id<Transmission>,
    /// The id of its attempt.
    pub spool: Id<Spool>,
    /// The sides, the service, the provider and the key; it has no text and no results.
    pub call: InboundMessage,
    /// The time until which it waits for a process that takes it.
    pub deadline: DateTime<Utc>,
    /// Changes to tables of other crates in the transaction of the append.
    pub effects: Vec<Effect>,
    /// The cause of the session.
    pub metadata: Metadata,
}

/// The process that takes a session as it begins.
#[derive(Clone, Debug)]
pub struct TakenBy {
    /// The worker and its claim.
    pub holder: Holder,
    /// The time for which the claim holds without being renewed.
    pub lease: std::time::Duration,
}

/// The time for which a session that is on record waits for a process that takes it: the caller
/// hears it ring.
pub const WAITS: TimeDelta = TimeDelta::seconds(60);

/// The result of opening an inbound session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenResult {
    /// It is on record under the ids that it came with, up to this position.
    Opened(Option<Position>),
    /// It was on record before, under these ids.
    Known(Id<Transmission>, Id<Spool>),
    /// It is not opened, for this reason.
    Refused(NotReceived),
}

/// The entrance of inbound sessions, as those see it who have no adapters.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Opens a session, and answers when that is on record.
    ///
    /// # Errors
    /// When the database does not answer; then it is not on record, or will be known when it is
    /// opened again.
    async fn open(&self, session: InboundSession) -> Result<OpenResult, CommandError>;

    /// The owner of the account that a session to this number would reach.
    ///
    /// # Errors
    /// When the database does not answer.
    async fn owner_at(&self, service: Service, to: &str) -> Result<Option<Owner>, CommandError>;
}

impl Receiving {
    /// The owner of the account that receives at this address.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn owner_at(
        &self,
        service: Service,
        to: &str,
    ) -> Result<Option<Owner>, CommandError> {
        let recipients = self.ingest.recipients(service, &[to]).await?;
        Ok(recipients.values().next().map(Recipient::owner))
    }

    /// Puts a session on record by one append: as in progress with the process that takes it, or
    /// as waiting for one.
    ///
    /// # Errors
    /// When the database does not answer; then nothing is recorded.
    pub async fn open(
        &self,
        session: &InboundSession,
        by: Option<&TakenBy>,
    ) -> Result<OpenResult, CommandError> {
        for _ in 0..ATTEMPTS {
            match self.ingest.try_open(session, by).await {
                // Another writer has added the session or the contact meanwhile.
                Err(error) if is_race(&error) => {}
                opened => return opened,
            }
        }
        Err(CommandError::Contended)
    }
}

impl Ingest {
    async fn try_open(
        &self,
        session: &InboundSession,
        by: Option<&TakenBy>,
    ) -> Result<OpenResult, CommandError> {
        let key = self.commands.store().fingerprint(&session.call.key);
        if let Some((transmission, spool)) = self.session_of(&key).await? {
            return Ok(OpenResult::Known(transmission, spool));
        }
        let routes = self.routes(std::iter::once(&session.call)).await?;
        match routes.into_iter().next() {
            Some(Ok(route)) => self.append(session, (&key, &route), by).await,
            Some(Err(NotRouted { reason, .. })) => Ok(OpenResult::Refused(reason)),
            None => Ok(OpenResult::Refused(NotReceived::NoAccount)),
        }
    }

    /// The session with this fingerprint, if it is on record.
    async fn session_of(
        &self,
        key: &str,
    ) -> Result<Option<(Id<Transmission>, Id<Spool>)>, StoreError> {
        let store = self.commands.store();
        let scope = Transmission::received_claim(String::new()).scope;
        let keys = [key.to_owned()];
        let held = store.holders_of::<Transmission>(scope, &keys).await?;
        let Some(id) = held.into_values().next() else {
            return Ok(None);
        };
        let spool = store.load(id).await?.aggregate.last_spool();
        Ok(spool.map(|spool| (id, spool)))
    }

    async fn append(
        &self,
        session: &InboundSession,
        (key, route): (&str, &Route),
        by: Option<&TakenBy>,
    ) -> Result<OpenResult, CommandError> {
        let one = RoutedMessage {
            at: 0,
            inbound: &session.call,
            key,
            route,
        };
        let senders = self.senders(std::slice::from_ref(&one)).await?;
        let sender = senders.into_iter().next().ok_or(CommandError::Contended)?;
        let mut append = self.commands.begin_append();
        append.because_of(Cause::message(key));
        if let Some(create) = sender.create {
            settled(append.create(sender.contact, vec![create]).await?)?;
        }
        let (id, ids) = (session.transmission, (session.transmission, session.spool));
        let opening = Opening {
            arrival: one.arrival(ids, sender.contact),
            deadline: session.deadline,
            holder: by.map(|by| by.holder.clone()),
        };
        let open = TransmissionCommand::Open(Box::new(opening));
        settled(append.create(id, vec![open]).await?)?;
        let mut effects = session.effects.clone();
        effects.extend(by.map(|by| queue::admission(&taken(session, by))));
        let committed = append.commit_with(&session.metadata, effects).await?;
        let position = committed.iter().filter_map(|it| it.position).max();
        Ok(OpenResult::Opened(position))
    }
}

fn taken<'s>(session: &'s InboundSession, by: &'s TakenBy) -> Taken<'s> {
    Taken {
        spool_id: session.spool.get(),
        transmission_id: session.transmission.get(),
        service: session.call.service,
        at: session.call.at,
        deadline: session.deadline,
        claim: &by.holder.claim,
        worker: &by.holder.worker,
        lease: by.lease,
    }
}
