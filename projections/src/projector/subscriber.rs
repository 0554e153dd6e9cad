//! The subscription of one projection to the log.

use std::{sync::Arc, time::Duration};

use eventstore::{Lock, LockName, Log, Position, Recorded, StoreError};
use sqlx::PgConnection;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{PAUSE, checkpoint, lane::Lane};
use crate::{
    Projection, QueueSignal, Stopped,
    projection::{apply, wanted},
    source::Source,
    watermarks::HighWaterMark,
};

/// The class of the advisory locks that elect leaders; the second key is a hash of the
/// projection's name.
const LEADERSHIP: i32 = 0x4c45_4144;

/// The time for which a read model collects events after a batch while no request waits for it:
/// fewer and larger transactions leave the machine to other work.
const REST: Duration = Duration::from_millis(10);

/// The time for which a read model collects events after a large batch: most events of a
/// transmission then come in one batch, and its row is written once.
const LONG_REST: Duration = Duration::from_millis(1_000);

/// The number of events from which a batch is large.
const MANY: usize = 300;

/// The lag from which a read model does not rest, because enough events have collected.
const GATHERED: Position = 18_000;

/// The time for which the queue collects events after a batch; shorter, because sending waits
/// for it.
const REST_OF_QUEUE: Duration = Duration::from_millis(2);

/// Interval of saving a checkpoint that moved past unwanted events only.
const SAVE: Duration = Duration::from_secs(1);

/// Time until a checkpoint is saved that moved past events of a followed type, which a request
/// in another process may wait for.
const SAVE_FOLLOWED: Duration = Duration::from_millis(10);

/// The first and the longest pause between two attempts at an event that fails.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// The reason why this process has stopped leading.
pub(super) enum Lost {
    /// The checkpoint was moved by another writer.
    Moved,
    /// The lock of the leader was lost with its connection.
    Lead,
    /// The connection was lost, or the error is transient.
    Connection(sqlx::Error),
}

impl From<sqlx::Error> for Lost {
    fn from(error: sqlx::Error) -> Self {
        Self::Connection(error)
    }
}

/// The failure of a transaction.
enum Trouble {
    Lost(Lost),
    /// The events could not be applied, and the transaction was rolled back.
    Failed(String),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Lost(Lost::Connection(error))
    }
}

pub(super) struct Subscriber {
    pub projection: Arc<dyn Projection>,
    pub log: Log,
    pub lane: Arc<Lane>,
    pub mark: Arc<HighWaterMark>,
    pub queue: QueueSignal,
    pub stop: CancellationToken,
}

/// The progress of a leader: the saved checkpoint, and the position read since.
struct Progress {
    saved: Position,
    seen: Position,
    save_at: Instant,
    retry: Duration,
}

impl Subscriber {
    /// Becomes the leader and follows the log until told to stop.
    pub(super) async fn lead(&self) -> Result<(), Lost> {
        let name = LockName::Text(LEADERSHIP, self.projection.name());
        let lead = loop {
            if let Some(lead) = self.log.locks().try_lock(name).await? {
                break lead;
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                () = sleep(PAUSE) => {}
            }
        };
        let followed = self.follow(&lead).await;
        // A process that stands by can take over at once.
        lead.release().await;
        followed
    }

    async fn follow(&self, lead: &Lock) -> Result<(), Lost> {
        let mut place = self.lane.enter().await?;
        let position = checkpoint::read(&mut place.db, self.projection.name()).await?;
        place.leave();
        self.mark.lead(position);
        tracing::debug!(projection = self.projection.name(), position, "leading");
        let mut progress = Progress {
            saved: position,
            seen: position,
            save_at: Instant::now(),
            retry: FIRST_RETRY,
        };
        let mut source = Source::new(&self.log, self.projection.needs(), position);
        while !self.stop.is_cancelled() {
            self.step(lead, &mut source, &mut progress).await?;
        }
        self.save(&mut progress).await
    }

    async fn step(
        &self,
        lead: &Lock,
        source: &mut Source,
        progress: &mut Progress,
    ) -> Result<(), Lost> {
        let unsaved = progress.seen != progress.saved;
        let batch = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            () = lead.lost() => return Err(Lost::Lead),
            () = sleep_until(progress.save_at), if unsaved => {
                self.save(progress).await?;
                source.seek(progress.seen);
                return Ok(());
            }
            batch = source.next() => batch,
        };
        let stopped = match batch {
            Ok(batch) => {
                let seen = source.position();
                self.take_in(&batch, seen, progress).await?
            }
            Err(StoreError::Database(error)) => return Err(error.into()),
            Err(StoreError::Closed) => {
                self.stop.cancelled().await;
                return Ok(());
            }
            Err(error) => Some(Stopped {
                position: progress.seen + 1,
                error: error.to_string(),
            }),
        };
        match stopped {
            Some(stopped) => self.stand_still(stopped, progress).await?,
            None => progress.retry = FIRST_RETRY,
        }
        source.seek(progress.seen);
        Ok(())
    }

    /// Applies a batch, or as much of it as possible; answers the event that it stopped at.
    async fn take_in(
        &self,
        batch: &[Arc<Recorded>],
        seen: Position,
        progress: &mut Progress,
    ) -> Result<Option<Stopped>, Lost> {
        let wanted = wanted(self.projection.as_ref(), batch);
        if wanted.is_empty() {
            let within = if self.follows_any(batch) {
                SAVE_FOLLOWED
            } else {
                SAVE
            };
            let save_at = Instant::now() + within;
            progress.save_at = if progress.seen == progress.saved {
                save_at
            } else {
                save_at.min(progress.save_at)
            };
            progress.seen = seen;
            self.mark.reach(seen, self.log.head().max(seen));
            return Ok(None);
        }
        match self.write(&wanted, seen, progress).await {
            Ok(()) => {
                self.rest(wanted.len(), seen).await;
                return Ok(None);
            }
            Err(Trouble::Lost(lost)) => return Err(lost),
            Err(Trouble::Failed(_)) => {}
        }
        // Event by event, to get as far as possible and to find the one that fails.
        for event in wanted {
            let position = event.position;
            match self.write(&[event], position, progress).await {
                Ok(()) => {}
                Err(Trouble::Lost(lost)) => return Err(lost),
                Err(Trouble::Failed(error)) => return Ok(Some(Stopped { position, error })),
            }
        }
        Ok(None)
    }

    /// True if one of these events is of a type whose writers may wait for this projection.
    fn follows_any(&self, batch: &[Arc<Recorded>]) -> bool {
        let kinds = self.projection.follows();
        let is_followed = |event: &Arc<Recorded>| kinds.contains(&event.aggregate_type.as_str());
        !self.projection.is_queue() && batch.iter().any(is_followed)
    }

    /// Applies these events and moves the checkpoint, in one transaction.
    async fn write(
        &self,
        events: &[Arc<Recorded>],
        to: Position,
        progress: &mut Progress,
    ) -> Result<(), Trouble> {
        let work = events.iter().any(|event| self.projection.enqueues(event));
        let mut place = self.lane.enter().await?;
        let moves = (progress.saved, to);
        let written = self.transact(&mut place.db, events, moves, work).await;
        let is_usable = match &written {
            // The connection may be within a transaction, or closed.
            Err(Trouble::Lost(Lost::Connection(_))) => {
                checkpoint::rollback(&mut place.db).await.is_ok()
            }
            _ => true,
        };
        if is_usable {
            place.leave();
        }
        written?;
        progress.saved = to;
        progress.seen = to;
        self.mark.reach(to, self.log.head().max(to));
        if work {
            self.queue.ring();
        }
        Ok(())
    }

    async fn transact(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
        moves: (Position, Position),
        durably: bool,
    ) -> Result<(), Trouble> {
        let projection = self.projection.as_ref();
        if !checkpoint::begin(db, projection, moves, durably).await? {
            return Err(Trouble::Lost(Lost::Moved));
        }
        if let Err(error) = apply(projection, db, events).await {
            if passes_by_itself(&error) {
                return Err(error.into());
            }
            checkpoint::rollback(db).await?;
            return Err(Trouble::Failed(in_words(&error)));
        }
        Ok(checkpoint::commit(db).await?)
    }

    async fn save(&self, progress: &mut Progress) -> Result<(), Lost> {
        if progress.seen == progress.saved {
            return Ok(());
        }
        let mut place = self.lane.enter().await?;
        let moves = (progress.saved, progress.seen);
        let is_there = checkpoint::begin(&mut place.db, self.projection.as_ref(), moves, false);
        let is_there = is_there.await?;
        if is_there {
            checkpoint::commit(&mut place.db).await?;
            progress.saved = progress.seen;
        }
        place.leave();
        is_there.then_some(()).ok_or(Lost::Moved)
    }

    async fn rest(&self, taken: usize, seen: Position) {
        if self.projection.is_queue() {
            sleep(REST_OF_QUEUE).await;
        } else if self.log.head() - seen < GATHERED {
            let rest = if taken < MANY { REST } else { LONG_REST };
            self.mark.rest(rest).await;
        }
    }

    /// Records that the projection is stopped, and waits before the next attempt.
    async fn stand_still(&self, stopped: Stopped, progress: &mut Progress) -> Result<(), Lost> {
        let name = self.projection.name();
        let mut place = self.lane.enter().await?;
        checkpoint::stop(&mut place.db, name, progress.saved, &stopped).await?;
        place.leave();
        if self.mark.stop(stopped.clone(), self.log.head()) {
            tracing::error!(
                projection = name,
                event.position = stopped.position,
                error = stopped.error,
                "a projection is stopped at an event"
            );
        }
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep(progress.retry) => {}
        }
        progress.retry = (progress.retry * 2).min(LAST_RETRY);
        Ok(())
    }
}

/// True if the error is transient: it is due to the connection, a lock or a shutdown and not to
/// the events.
fn passes_by_itself(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_none_or(|code| {
            ["08", "40", "55", "57"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        _ => false,
    }
}

/// The database's error message without its details, which may hold data of the row.
fn in_words(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().unwrap_or_default()),
        None => error.to_string(),
    }
}
