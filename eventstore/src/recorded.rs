//! Events as the log holds them.

use chrono::{DateTime, Utc};
use domain::{Entity, Event, Id};

use crate::Metadata;

/// A position in the log: 1 for the first event ever. Gaps are possible; an event never
/// appears below an event that was already visible.
pub type Position = i64;

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
    /// Who or what caused the event.
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
