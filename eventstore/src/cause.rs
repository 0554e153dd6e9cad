//! The causes of events, and the metadata that names them.

use std::net::IpAddr;

use cqrs_es::persist::SerializedEvent;
use domain::{
    Id,
    access::User,
    delivery::{Spool, Transmission},
};
use serde::{Deserialize, Serialize};

use crate::{Late, Position};

/// Who or what caused an event: user, request, process, preceding event, message, client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The user who made the request, or on whose behalf a process acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Id<User>>,
    /// The id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The id of the request or inbound message that began a chain of causes; processes carry it
    /// on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The position of the event that the process reacted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Position>,
    /// The process that acted without a request: a policy, a gateway, a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The inbound message that was reacted to, as a keyed fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The transmission that was reacted to from outside, by an opt-out for example.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transmission_id: Option<Id<Transmission>>,
    /// The attempt of that transmission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool_id: Option<Id<Spool>>,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// True for a process that reacts: each event names the last event of its own aggregate as its
    /// cause, unless another is given. Not stored in the log.
    #[serde(skip)]
    pub reacts: bool,
    /// The effect of each append of the request. Not stored in the log.
    #[serde(skip)]
    pub effect: Option<Late>,
    /// True for one of many commits in the background; other commits are appended first. Not
    /// stored in the log.
    #[serde(skip)]
    pub bulk: bool,
}

/// The cause of events that a process writes: an event, an inbound message, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// The position of the event.
    pub causation: Option<Position>,
    /// The chain of causes that it belongs to.
    pub correlation_id: Option<String>,
    /// The user whom it names.
    pub user_id: Option<Id<User>>,
    /// The inbound message, as a keyed fingerprint.
    pub message_id: Option<String>,
    /// The attempt that the message answers, or by which it came in.
    pub attempt: Option<(Id<Transmission>, Id<Spool>)>,
}

impl Metadata {
    /// The metadata of events that a process of this name causes by itself.
    pub fn of_process(name: &str) -> Self {
        Self {
            process: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// The metadata of events by which a process of this name reacts to others, or to messages.
    pub fn of_reaction(name: &str) -> Self {
        Self {
            reacts: true,
            ..Self::of_process(name)
        }
    }

    /// This metadata, on behalf of a user if there is one.
    #[must_use]
    pub fn on_behalf_of(self, user_id: Option<Id<User>>) -> Self {
        Self { user_id, ..self }
    }

    /// This metadata with what it lacks taken from a cause.
    #[must_use]
    pub fn because_of(self, cause: Option<&Cause>) -> Self {
        let Some(cause) = cause else {
            return self;
        };
        let (transmission_id, spool_id) = cause.attempt.unzip();
        Self {
            user_id: self.user_id.or(cause.user_id),
            correlation_id: self.correlation_id.or_else(|| cause.correlation_id.clone()),
            causation: self.causation.or(cause.causation),
            message_id: self.message_id.or_else(|| cause.message_id.clone()),
            transmission_id: self.transmission_id.or(transmission_id),
            spool_id: self.spool_id.or(spool_id),
            ..self
        }
    }

    /// Decodes stored metadata; unreadable metadata becomes empty, since no decision depends on it.
    pub(crate) fn deserialize_or_default(value: &serde_json::Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}

impl Cause {
    /// An event that is on record. One that belongs to no chain, as in old logs, begins one.
    pub(crate) fn recorded(position: Position, metadata: &Metadata) -> Self {
        let chain = metadata.correlation_id.as_ref();
        let chain = chain.or(metadata.request_id.as_ref()).cloned();
        Self {
            causation: Some(position),
            correlation_id: Some(chain.unwrap_or_else(|| format!("event-{position}"))),
            user_id: metadata.user_id,
            ..Self::default()
        }
    }

    /// A stored event whose metadata has its position too.
    pub(crate) fn stored(event: &SerializedEvent) -> Option<Self> {
        let position = event.metadata.get("position")?.as_i64()?;
        let metadata = Metadata::deserialize_or_default(&event.metadata);
        Some(Self::recorded(position, &metadata))
    }

    /// An inbound message with this fingerprint, which begins a chain.
    pub fn message(fingerprint: &str) -> Self {
        Self {
            correlation_id: Some(fingerprint.to_owned()),
            message_id: Some(fingerprint.to_owned()),
            ..Self::default()
        }
    }

    /// This cause at an attempt.
    #[must_use]
    pub fn at(self, transmission: Id<Transmission>, spool: Id<Spool>) -> Self {
        Self {
            attempt: Some((transmission, spool)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_fills_in_what_the_metadata_lacks() {
        let request = Metadata {
            user_id: Some(Id::new(7)),
            request_id: Some("r".to_owned()),
            correlation_id: Some("r".to_owned()),
            ..Metadata::default()
        };
        let cause = Cause::recorded(12, &request);
        let reaction = Metadata::of_reaction("worker").because_of(Some(&cause));
        assert_eq!(reaction.user_id, Some(Id::new(7)));
        assert_eq!(reaction.correlation_id.as_deref(), Some("r"));
        assert_eq!(
            (reaction.causation, &reaction.request_id),
            (Some(12), &None)
        );
        let other = Cause::message("m").at(Id::new(1), Id::new(2));
        let both = reaction.clone().because_of(Some(&other));
        assert_eq!(
            (both.causation, &both.correlation_id),
            (Some(12), &reaction.correlation_id)
        );
        assert_eq!(both.message_id.as_deref(), Some("m"));
        assert_eq!(
            (both.transmission_id, both.spool_id),
            (Some(Id::new(1)), Some(Id::new(2)))
        );
    }

    #[test]
    fn an_event_of_no_chain_begins_one() {
        let cause = Cause::recorded(12, &Metadata::default());
        assert_eq!(cause.correlation_id.as_deref(), Some("event-12"));
    }
}
