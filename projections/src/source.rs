//! The log as a projection reads it: every event near the head, which all subscribers
//! share, and only those of the types it needs when it is far behind, where each would
//! otherwise read and decode the whole log for itself.

use std::sync::Arc;

use eventstore::{Log, Position, Recorded, StoreError, Subscription};

/// How far behind the head is far; below it the events are likely still in memory.
const FAR: Position = 60_000;

/// How many events are taken at a time.
const MANY: usize = 20_000;

pub(crate) struct Source {
    log: Log,
    subscription: Subscription,
    types: &'static [&'static str],
}

impl Source {
    pub(crate) fn new(log: &Log, types: &'static [&'static str], from: Position) -> Self {
        Self {
            log: log.clone(),
            subscription: log.subscribe(from),
            types,
        }
    }

    /// Up to where the log has been read.
    pub(crate) fn position(&self) -> Position {
        self.subscription.position()
    }

    pub(crate) fn seek(&mut self, to: Position) {
        self.subscription.seek(to);
    }

    /// What comes next, in order; waits for it. May be empty, and the position further
    /// than the last event, where there was nothing of these types in between.
    pub(crate) async fn next(&mut self) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let from = self.position();
        // Asked for before the events are, so that none up to there can be missed.
        let head = self.log.head();
        if head - from <= FAR {
            return self.subscription.next_up_to(MANY).await;
        }
        let events = self.log.read_types(self.types, from, MANY as i64).await?;
        let last = events.last().map_or(from, |event| event.position);
        let all_there = events.len() < MANY;
        self.seek(if all_there { head.max(last) } else { last });
        Ok(events)
    }
}
