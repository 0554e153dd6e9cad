//! Events as the log holds them.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::{Entity, Event, Id, access::User};
use serde::{Deserialize, Serialize};

use crate::Late;

/// A position in the log: 1 for the first event ever. Gaps are possible; an event never
/// appears below an event that was already visible.
pub type Position = i64;

/// The cause of an event: user, request, preceding event, client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The user who made the request; none for what the system does by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Id<User>>,
    /// The id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The id of the first request of a chain of causes, carried on by policies and workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The position of the event that the system reacted to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Position>,
    /// The process that acted without a request: a policy, a gateway, a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The effect of each append of the request. Not stored in the log.
    #[serde(skip)]
    pub effect: Option<Late>,
    /// True for one of many commits in the background; other commits are appended first. Not
    /// stored in the log.
    #[serde(skip)]
    pub bulk: bool,
}

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The position in the log.
    pub position: Position,
    /// The aggregate's type: `contact`, `transmission` …
    pub aggregate_type: String,
    /// The aggregate's id.
    pub aggregate_id: i64,
    /// The event's number in the aggregate, from 1.
    pub sequence: u64,
    /// The event's type: `ContactCreated` …
    pub event_type: String,
    /// The time of the append.
    pub occurred_at: DateTime<Utc>,
    /// The cause of the event.
    pub metadata: Metadata,
    /// The event itself, decoded.
    pub event: Event,
}

impl Recorded {
    /// The payload for people to read: personal data as far as it is not erased,
    /// secrets as `[sealed]`.
    ///
    /// # Errors
    /// When an event has no JSON form, which none is known to lack.
    pub fn readable_payload(&self) -> serde_json::Result<serde_json::Value> {
        Ok(crate::codec::readable(self.event.payload()?))
    }

    /// The aggregate's id, typed; for use after matching on the event's kind.
    pub fn id<A: Entity>(&self) -> Id<A> {
        debug_assert_eq!(self.aggregate_type, A::TYPE);
        Id::new(self.aggregate_id)
    }
}

/// The result of an accepted command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The position of the command's last event; none if it emitted no event.
    pub position: Option<Position>,
    /// The aggregate's sequence afterwards.
    pub version: u64,
}

impl Metadata {
    /// The metadata of events that a process of this name causes by itself.
    pub fn of_process(name: &str) -> Self {
        Self {
            process: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// This metadata, on behalf of a user if there is one.
    #[must_use]
    pub fn on_behalf_of(self, user_id: Option<Id<User>>) -> Self {
        Self { user_id, ..self }
    }

    /// Decodes stored metadata; unreadable metadata becomes empty, since no decision depends on it.
    pub(crate) fn deserialize_or_default(value: &serde_json::Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}
