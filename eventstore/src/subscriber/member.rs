//! One subscriber in a lane: its progress, and its election.

use std::{sync::Arc, time::Duration};

use backoff::Backoff;
use sqlx::PgConnection;
use tokio::time::Instant;

use super::{
    Subscriber,
    checkpoint::{self, Move},
    high_water_marks::HighWaterMark,
};
use crate::{Lock, LockName, Log, Position};

/// The pauses between attempts at a poison event.
const RETRIES: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// A subscriber in a lane.
pub(super) struct Member {
    pub subscriber: Arc<dyn Subscriber>,
    pub mark: Arc<HighWaterMark>,
    /// The progress, while this process leads the subscriber.
    pub leading: Option<Leading>,
}

/// The progress of a leader.
pub(super) struct Leading {
    lock: Lock,
    /// The saved checkpoint.
    pub saved: Position,
    /// The position read since: behind the checkpoint were only events that it does not want.
    pub seen: Position,
    /// The time until which it is stopped, at a poison event for example.
    pub stopped_until: Option<Instant>,
    retry: Backoff,
}

impl Member {
    pub fn new(subscriber: Arc<dyn Subscriber>, mark: Arc<HighWaterMark>) -> Self {
        Self {
            subscriber,
            mark,
            leading: None,
        }
    }

    pub fn name(&self) -> &'static str {
        self.subscriber.name()
    }

    /// Tries to become the leader; continues at the checkpoint.
    pub async fn elect(&mut self, log: &Log, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let name = LockName::Subscriber(self.name());
        let Some(lock) = log.locks().try_lock(name).await? else {
            return Ok(());
        };
        let position = checkpoint::read(db, self.name()).await?;
        self.mark.lead(position);
        tracing::debug!(subscriber = self.name(), position, "leading");
        self.leading = Some(Leading {
            lock,
            saved: position,
            seen: position,
            stopped_until: None,
            retry: RETRIES,
        });
        Ok(())
    }

    /// Continues at the checkpoint, which another writer moved, for example a rebuild.
    pub async fn follow_checkpoint(
        &mut self,
        db: &mut PgConnection,
        head: Position,
    ) -> Result<(), sqlx::Error> {
        let name = self.name();
        let Some(leading) = &mut self.leading else {
            return Ok(());
        };
        let position = checkpoint::read(db, name).await?;
        if position != leading.saved {
            tracing::info!(subscriber = name, "the checkpoint was moved");
            (leading.saved, leading.seen) = (position, position);
            leading.stopped_until = None;
            leading.retry.reset();
            self.mark.lead(position);
            self.mark.reach(position, head.max(position));
        }
        Ok(())
    }

    /// Stands by from now on. A process that stands by can take over at once.
    pub async fn resign(&mut self) {
        self.mark.leave();
        if let Some(leading) = self.leading.take() {
            leading.lock.release().await;
        }
    }

    /// Stands by if the lock was lost with its connection.
    pub fn resign_if_lost(&mut self) {
        if self.leading.as_ref().is_some_and(Leading::is_lost) {
            tracing::warn!(subscriber = self.name(), "lost the lead");
            self.mark.leave();
            self.leading = None;
        }
    }

    /// The position that was read, unless it stands by or is stopped.
    pub fn active_at(&self) -> Option<Position> {
        let leading = self.leading.as_ref()?;
        leading.stopped_until.is_none().then_some(leading.seen)
    }

    /// Ends a stop whose time is over.
    pub fn go_on_if_due(&mut self, now: Instant) {
        if let Some(leading) = &mut self.leading
            && leading.stopped_until.is_some_and(|until| until <= now)
        {
            leading.stopped_until = None;
        }
    }

    /// Notes that all events up to this position were read, and none since the checkpoint wanted.
    pub fn pass(&mut self, to: Position, head: Position) {
        if let Some(leading) = &mut self.leading {
            leading.seen = to;
            self.mark.reach(to, head.max(to));
        }
    }

    /// The move of the checkpoint to the position that was read, if it is not there.
    pub fn unsaved(&self) -> Option<Move> {
        let leading = self.leading.as_ref()?;
        let moved = (self.name(), leading.saved, leading.seen);
        (leading.seen != leading.saved).then_some(moved)
    }

    /// Notes that the checkpoint was moved to this position.
    pub fn save(&mut self, to: Position) {
        if let Some(leading) = &mut self.leading {
            leading.saved = to;
            leading.retry.reset();
        }
    }

    /// Notes that it waits after its checkpoint for others, such as a lock on its table.
    pub fn pause(&mut self, until: Instant) {
        if let Some(leading) = &mut self.leading {
            leading.seen = leading.saved;
            leading.stopped_until = Some(until);
        }
    }

    /// Notes that it is stopped after its checkpoint for a while; each time longer.
    pub fn stop(&mut self, now: Instant) {
        if let Some(leading) = &mut self.leading {
            leading.seen = leading.saved;
            leading.stopped_until = Some(now + leading.retry.take());
        }
    }
}

impl Leading {
    fn is_lost(&self) -> bool {
        self.lock.is_lost()
    }

    /// Waits until the lock is lost.
    pub async fn lost(&self) {
        self.lock.lost().await;
    }
}
