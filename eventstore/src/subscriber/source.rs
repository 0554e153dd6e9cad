//! The log as a subscriber reads it: near the head every event, from the memory that all
//! subscribers share; far behind it only the events of the types that are needed, where each
//! would otherwise read and decode the whole log.

use std::sync::Arc;

use crate::{Log, Position, Recorded, StoreError, Subscription};

/// The lag from which a subscriber is far behind; with less the events are likely in memory.
const FAR: Position = 60_000;

/// The most events read at a time.
const MANY: usize = 20_000;

/// A reader of the log from some position on.
pub struct Source {
    log: Log,
    subscription: Subscription,
    types: Vec<&'static str>,
}

impl Source {
    /// Reads events of these types from behind a position.
    pub fn new(log: &Log, types: &[&'static str], from: Position) -> Self {
        Self {
            log: log.clone(),
            subscription: log.subscribe(from),
            types: types.to_vec(),
        }
    }

    /// The position up to which the log has been read.
    pub fn position(&self) -> Position {
        self.subscription.position()
    }

    /// Continues from another position.
    pub fn seek(&mut self, to: Position) {
        self.subscription.seek(to);
    }

    /// Waits for the next events, in order. They may be empty, and the position may be beyond the
    /// last of them, if the log has no further events of these types.
    ///
    /// # Errors
    /// When the log cannot be read; the position stays.
    pub async fn next(&mut self) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let head = self.log.head();
        if head - self.position() <= FAR {
            return self.subscription.next_up_to(MANY).await;
        }
        self.read_to(head, MANY).await
    }

    /// As [`Source::next`], without waiting: for positions that the log is known to have passed.
    ///
    /// # Errors
    /// As [`Source::next`].
    pub async fn ready(&mut self) -> Result<Vec<Arc<Recorded>>, StoreError> {
        self.ready_up_to(MANY).await
    }

    /// As [`Source::ready`], with at most so many events.
    ///
    /// # Errors
    /// As [`Source::next`].
    pub async fn ready_up_to(&mut self, most: usize) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let head = self.log.head();
        if head - self.position() <= FAR {
            return self.subscription.ready_up_to(most).await;
        }
        self.read_to(head, most).await
    }

    /// Reads events of the types. `head` was read before, so that none up to it can be missed.
    async fn read_to(
        &mut self,
        head: Position,
        most: usize,
    ) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let from = self.position();
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let events = self.log.read_types(&self.types, from, limit).await?;
        let last = events.last().map_or(from, |event| event.position);
        let all_there = events.len() < most;
        self.seek(if all_there { head.max(last) } else { last });
        Ok(events)
    }
}
