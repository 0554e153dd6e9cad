//! Events as the log holds them.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::{Entity, Event, Id, access::User};
use serde::{Deserialize, Serialize};

use crate::Once;

/// A place in the log: 1 for the first event ever. Gaps are possible, an event
/// never appears below one that was seen.
pub type Position = i64;

/// Who caused an event, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The user who asked; nobody for what the system does by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Id<User>>,
    /// The request that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What belongs together: the first request's id, carried on by policies and workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The event that made the system do this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Position>,
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<IpAddr>,
    /// The attempt at a request that must be carried out only once; the append marks
    /// it, and the log does not show it.
    #[serde(skip)]
    pub once: Option<Once>,
    /// Whether it is one of many that go in the background: what is not is appended
    /// first. The log does not show it.
    #[serde(skip)]
    pub bulk: bool,
}

/// An event with its place in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Where it stands.
    pub position: Position,
    /// `contact`, `transmission` …
    pub aggregate_type: String,
    /// The aggregate's id.
    pub aggregate_id: i64,
    /// 1 for the aggregate's first event.
    pub sequence: u64,
    /// `ContactCreated` …
    pub event_type: String,
    /// When it was appended.
    pub occurred_at: DateTime<Utc>,
    /// Who caused it.
    pub metadata: Metadata,
    /// What happened.
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

    /// The aggregate's id, typed. For use after matching on the event's kind.
    pub fn id<A: Entity>(&self) -> Id<A> {
        debug_assert_eq!(self.aggregate_type, A::TYPE);
        Id::new(self.aggregate_id)
    }
}

/// What an accepted command left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where its last event stands; nothing if there was nothing new to say.
    pub position: Option<Position>,
    /// The aggregate's sequence afterwards.
    pub version: u64,
}

impl Metadata {
    /// What the log says of an event's cause; an unreadable one says nothing, since
    /// no decision rests on it.
    pub(crate) fn deserialize_or_default(value: &serde_json::Value) -> Self {
        Self::deserialize(value).unwrap_or_default()
    }
}
