//! What is appended together: events, their metadata, and the changes of the same transaction.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Claim, Event, Subject};

use crate::{Metadata, effect::Effect};

/// An event ready to be appended.
#[derive(Debug)]
pub(crate) struct NewEvent {
    pub aggregate_type: &'static str,
    pub aggregate_id: i64,
    pub sequence: u64,
    pub event_type: String,
    pub event_version: String,
    pub payload: String,
    pub event: Event,
}

/// Changes that are made in the same transaction as the append of the events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    pub(crate) claim: Vec<(Claim, String)>,
    /// Claims given up, each by its recorded holder.
    pub(crate) release: Vec<(Claim, String)>,
    pub(crate) keys: Vec<(Subject, Vec<u8>)>,
    pub(crate) erase: Vec<Subject>,
    /// The effects of other crates.
    pub(crate) others: Vec<Effect>,
}

impl Effects {
    /// Merges in the effects of another aggregate whose events are appended together.
    pub(crate) fn join(&mut self, other: Self) {
        self.claim.extend(other.claim);
        self.release.extend(other.release);
        self.keys.extend(other.keys);
        self.erase.extend(other.erase);
        self.others.extend(other.others);
    }
}

/// Events that are appended together.
#[derive(Debug)]
pub(crate) struct Member {
    pub commit_id: String,
    pub occurred_at: DateTime<Utc>,
    pub bulk: bool,
    pub events: Vec<NewEvent>,
    /// The metadata of each event.
    pub metadata: Vec<Arc<Metadata>>,
    pub effects: Effects,
}
