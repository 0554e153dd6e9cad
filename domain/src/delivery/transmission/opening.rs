//! Inbound sessions: calls and faxes whose only attempt the remote side makes. They run the flow of
//! the account's program and end as outbound attempts do; they are never repeated from here.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Arrival, Direction, Spool, Transmission,
    TransmissionEvent::{SpoolReceived, SpoolStarted, TransmissionCreated},
    decide::Decision,
};
use crate::{Id, Owner, Personal, Refusal, delivery::Provider};

/// An inbound session with its route.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The caller, the route, and the key for deduplication. It has no results yet.
    pub arrival: Arrival,
    /// The time until which the session waits for a process that takes it.
    pub deadline: DateTime<Utc>,
    /// The process that has the session; `None` if it waits for one.
    pub holder: Option<Holder>,
}

/// The process that has an inbound session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The claim under which it holds the attempt.
    pub claim: String,
    /// The worker.
    pub worker: String,
}

/// The part of an inbound attempt that only a session has: a message is recorded with its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The owner of the transmission.
    pub owner: Owner,
    /// The time until which the session waits for a process that takes it.
    pub deadline: DateTime<Utc>,
}

impl Transmission {
    /// Opens an inbound session: it waits for a process that takes it, or is in progress at once.
    pub(super) fn opened(opening: Opening) -> Decision {
        let Opening {
            arrival,
            deadline,
            holder,
        } = opening;
        let Some(provider) = arrival.provider else {
            return Err(Refusal::invalid("provider_id", "is required").into());
        };
        let (spool, at, owner) = (arrival.spool, arrival.at, arrival.owner);
        let subject = arrival.order.contact_id.subject();
        let mut events = vec![
            TransmissionCreated {
                id: arrival.id,
                owner,
                order: arrival.order,
            },
            SpoolReceived {
                spool,
                at,
                provider: arrival.provider,
                account_id: arrival.account_id,
                flow: arrival.flow,
                program_version: arrival.program_version,
                key: arrival.key,
                message: Personal::new(subject, arrival.message),
                opened: Some(Opened { owner, deadline }),
            },
        ];
        events.extend(holder.map(|Holder { claim, worker }| SpoolStarted {
            spool,
            at,
            claim,
            provider,
            worker,
            campaign: None,
        }));
        Ok(events)
    }

    /// True if others make the attempts of the transmission.
    pub fn is_inbound(&self) -> bool {
        let order = self.order.as_ref();
        order.is_some_and(|order| order.direction == Direction::Inbound)
    }

    /// The provider of an attempt, once it is known.
    pub fn provider_of(&self, spool: Id<Spool>) -> Option<Id<Provider>> {
        self.attempt(spool).ok()?.provider
    }

    /// The newest attempt.
    pub fn last_spool(&self) -> Option<Id<Spool>> {
        self.spools.last().map(|attempt| attempt.id)
    }
}
