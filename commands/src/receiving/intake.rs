//! Batches of inbound messages, which gather while the batch before is appended.

use std::{collections::HashMap, sync::Arc};

use batching::Handler;
use domain::{Id, delivery::Transmission};
use eventstore::{Cause, Metadata, StoreError};

use super::{
    ATTEMPTS, InboundMessage, Ingest, IngestResult, NotTaken, is_race,
    lookup::NotRouted,
    record::{RoutedMessage, UnroutedMessage},
    settled,
};
use crate::CommandError;

/// Takes in batches of messages.
pub(super) struct Intake(pub Arc<Ingest>);

impl Handler for Intake {
    type Request = InboundMessage;
    type Answer = Result<IngestResult, NotTaken>;
    const NAME: &'static str = "inbound messages";

    // A sender whose message has no answer, or who does not wait any more, delivers it again.
    async fn handle(&mut self, inbound: Vec<InboundMessage>) -> Vec<Self::Answer> {
        self.0.take_all(&inbound).await
    }
}

impl Ingest {
    /// Takes in a batch by one append; one by one after a lost race, or if the database rejects it.
    async fn take_all(&self, inbound: &[InboundMessage]) -> Vec<Result<IngestResult, NotTaken>> {
        match self.try_take(inbound).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            // The database rejects one of the messages: the others go on without it.
            Err(error) if is_race(&error) || (inbound.len() > 1 && is_refused(&error)) => {
                let mut answers = Vec::with_capacity(inbound.len());
                for one in inbound {
                    answers.push(self.take_alone(one).await.map_err(NotTaken::from));
                }
                answers
            }
            Err(error) => vec![Err(error.into()); inbound.len()],
        }
    }

    async fn take_alone(&self, inbound: &InboundMessage) -> Result<IngestResult, CommandError> {
        for _ in 0..ATTEMPTS {
            match self.try_take(std::slice::from_ref(inbound)).await {
                // Another writer has added the message, the contact or the opt-out meanwhile.
                Err(error) if is_race(&error) => {}
                taken => return Ok(taken?.remove(0)),
            }
        }
        Err(CommandError::Contended)
    }

    /// Takes in a batch by one append; answers one result for each message.
    async fn try_take(
        &self,
        inbound: &[InboundMessage],
    ) -> Result<Vec<IngestResult>, CommandError> {
        let keys = self.keys(inbound);
        let known = self.known(&keys).await?;
        let mut answers: Vec<Option<IngestResult>> = vec![None; inbound.len()];
        let mut twice = Vec::new();
        let mut first = HashMap::new();
        let mut open = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            if key.all().any(|key| known.contains(key)) {
                answers[at] = Some(IngestResult::Known);
            } else if let Some(&before) = key.all().find_map(|key| first.get(key)) {
                twice.push((at, before));
            } else {
                // Also by the earlier key: duplicates may lie on both sides of a period's boundary.
                first.extend(key.all().map(|key| (key, at)));
                open.push(at);
            }
        }
        let routes = self.routes(open.iter().map(|&at| &inbound[at])).await?;
        let mut wanted = Vec::with_capacity(open.len());
        // The sender's wish counts even in a message that is not taken in.
        let mut unread = Vec::new();
        for (at, route) in open.into_iter().zip(routes) {
            match route {
                Ok(route) => wanted.push((at, route)),
                Err(NotRouted { reason, owner }) => {
                    answers[at] = Some(IngestResult::Refused(reason));
                    unread.extend(owner.map(|owner| UnroutedMessage {
                        at,
                        inbound: &inbound[at],
                        key: &keys[at].now,
                        owner,
                    }));
                }
            }
        }
        let routed: Vec<_> = wanted
            .iter()
            .map(|(at, route)| RoutedMessage {
                at: *at,
                inbound: &inbound[*at],
                key: &keys[*at].now,
                route,
            })
            .collect();
        let ids = self.record(&routed, &unread).await?;
        for ((at, _), id) in wanted.iter().zip(ids) {
            answers[*at] = Some(IngestResult::Taken(id));
        }
        for (at, before) in twice {
            answers[at] = match &answers[before] {
                Some(IngestResult::Taken(_)) => Some(IngestResult::Known),
                same => same.clone(),
            };
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// Appends all messages; answers their transmissions in the same order.
    async fn record(
        &self,
        routed: &[RoutedMessage<'_>],
        unread: &[UnroutedMessage<'_>],
    ) -> Result<Vec<Id<Transmission>>, CommandError> {
        let senders = self.senders(routed).await?;
        let listed = self.listed(routed).await?;
        let read = routed
            .iter()
            .map(|it| (it.at, it.route.owner(), it.inbound));
        let not_read = unread.iter().map(|it| (it.at, it.owner, it.inbound));
        let last_wishes = self.last_wishes(read.chain(not_read));
        let mut append = self.commands.begin_append();
        let mut ids = Vec::with_capacity(routed.len());
        for (one, sender) in routed.iter().zip(senders) {
            let message = Cause::message(one.key);
            append.because_of(message.clone());
            if let Some(create) = sender.create {
                settled(append.create(sender.contact, vec![create]).await?)?;
            }
            let (id, spool) = self.arrive(&mut append, one, sender.contact).await?;
            ids.push(id);
            if last_wishes.contains(&one.at) {
                append.because_of(message.at(id, spool));
                self.heed(&mut append, one, sender.contact, &listed).await?;
            }
        }
        for one in unread {
            if last_wishes.contains(&one.at) {
                append.because_of(Cause::message(one.key));
                self.heed_unread(&mut append, one).await?;
            }
        }
        let metadata = Metadata::of_reaction("receiving");
        append.commit(&metadata).await?;
        Ok(ids)
    }
}

/// True if the database was reached and rejected the data.
fn is_refused(error: &CommandError) -> bool {
    matches!(
        error,
        CommandError::Store(StoreError::Database(sqlx::Error::Database(_)))
    )
}
