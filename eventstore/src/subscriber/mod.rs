//! Subscribers: followers of the log that write, with a checkpoint in the same transaction; and
//! observers, which write nothing.
//!
//! - [`Subscriber`]: the trait, implemented in the crate that owns the tables;
//! - [`Subscribers`]: runs them in lanes, with one leader each among all processes;
//! - [`HighWaterMarks`]: the position of each, so that a write can be answered once it is read;
//! - [`Source`]: the log as a subscriber reads it;
//! - [`Observer`]: a follower that keeps its state in memory, and so has no checkpoint.
//!
//! A lane is a connection and a task. The subscribers of a lane that are at the same position
//! read each batch once and write in one transaction; one that is behind, because it is new, was
//! rebuilt or was stopped at a poison event, catches up in transactions of its own.
//!
//! To add a subscriber: an `impl Subscriber` in the crate that owns its tables, and its place in
//! the list of `src/server/core.rs`, which has every projection by itself. To add an observer: an
//! implementation of [`Observer`], and a task that runs [`observe`].

mod assignment;
mod catching_up;
mod checkpoint;
mod connection;
mod high_water_marks;
mod lane;
mod member;
mod observer;
mod runner;
mod saving;
mod source;
mod transaction;
mod writing;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use sqlx::PgConnection;

use crate::Recorded;

pub use connection::FIND_BY_KEY;
pub use high_water_marks::{HighWaterMarks, Stopped, SubscriberStatus, is_behind};
pub use observer::{Observer, observe, read_on};
pub use runner::Subscribers;
pub use source::Source;

/// Pause before a lost connection is opened again, and between two attempts to become the leader.
const PAUSE: Duration = Duration::from_secs(1);

/// A follower of the log that writes to tables of its own.
#[async_trait]
pub trait Subscriber: Send + Sync + 'static {
    /// The name, which identifies the checkpoint and the leader's lock.
    fn name(&self) -> &'static str;

    /// The schema of its tables, the search path of its transactions.
    fn schema(&self) -> &'static str;

    /// The aggregate types that it shows: the answer to a write to one of them may wait for it.
    fn follows(&self) -> &'static [&'static str];

    /// The aggregate types whose events it needs, including those that it does not show.
    fn needs(&self) -> &'static [&'static str] {
        self.follows()
    }

    /// True if it needs this event.
    fn wants(&self, event: &Recorded) -> bool {
        self.needs().contains(&event.aggregate_type.as_str())
    }

    /// The lane that it shares with others.
    fn lane(&self) -> LaneKind {
        LaneKind::Small
    }

    /// True if what it writes for this event must not be lost when the database crashes, because
    /// somebody acts on it before the log is read again.
    fn is_durable(&self, _event: &Recorded) -> bool {
        false
    }

    /// Applies wanted events, in the order of the log, in a transaction with its search path.
    ///
    /// # Errors
    /// When an event cannot be applied: the subscriber stops there, and tries again.
    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error>;

    /// Called once the transaction with these events is committed.
    fn committed(&self, _events: &[Arc<Recorded>]) {}
}

/// The lane of a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneKind {
    /// The lane of all subscribers whose batches are small.
    Small,
    /// A lane of its own, as far as there are connections: its batches are large.
    Heavy,
    /// The lane of what others wait to act upon, such as a queue.
    Urgent,
}

/// The events that a subscriber wants, and the poison events among those that it needs: it must
/// stop at one that cannot be read.
pub fn wanted(subscriber: &dyn Subscriber, events: &[Arc<Recorded>]) -> Vec<Arc<Recorded>> {
    let is_poison = |event: &Recorded| {
        let needed = subscriber.needs().contains(&event.aggregate_type.as_str());
        needed && event.event.unreadable().is_some()
    };
    events
        .iter()
        .filter(|event| subscriber.wants(event) || is_poison(event))
        .cloned()
        .collect()
}

/// Applies wanted events.
///
/// # Errors
/// When one of them cannot be read or applied.
pub async fn apply(
    subscriber: &dyn Subscriber,
    db: &mut PgConnection,
    wanted: &[Arc<Recorded>],
) -> Result<(), sqlx::Error> {
    match wanted.iter().find_map(|event| event.event.unreadable()) {
        Some(reason) => Err(sqlx::Error::Decode(reason.into())),
        None => subscriber.apply(db, wanted).await,
    }
}
