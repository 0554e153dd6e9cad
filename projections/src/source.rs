//! The log as a projection reads it: near the head every event, from the memory that all
//! subscribers share; far behind it only the events of the types that the projection needs,
//! where each would otherwise read and decode the whole log.

use std::sync::Arc;

use eventstore::{Log, Position, Recorded, StoreError, Subscription};

/// The lag from which a projection is far behind; with less the events are likely in memory.
const FAR: Position = 60_000;

/// The most events read at a time.
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

    /// The position up to which the log has been read.
    pub(crate) fn position(&self) -> Position {
        self.subscription.position()
    }

    pub(crate) fn seek(&mut self, to: Position) {
        self.subscription.seek(to);
    }

    /// Waits for the next events, in order. They may be empty, and the position may be beyond the
    /// last of them, if the log has no further events of these types.
    pub(crate) async fn next(&mut self) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let from = self.position();
        // Read before the events, so that none up to the head can be missed.
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
