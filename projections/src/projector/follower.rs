//! One projection following the log.

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
    watermarks::Mark,
};

/// The class of advisory locks that say who leads; the second number is the projection's.
const LEADERSHIP: i32 = 0x4c45_4144;

/// How long a read model lets events gather after a batch while nobody waits for it:
/// fewer and larger transactions leave the machine to the real work.
const REST: Duration = Duration::from_millis(10);

/// The same after a batch of many: most of what happens to a transmission then comes
/// together, and is written once.
const LONG_REST: Duration = Duration::from_millis(1_000);

/// So many events are many.
const MANY: usize = 300;

/// What is further behind than this has gathered enough, and does not rest.
const GATHERED: Position = 18_000;

/// The same for the queue, where a batch is followed by sending.
const REST_OF_QUEUE: Duration = Duration::from_millis(2);

/// How often a checkpoint is saved that moved past nothing of interest.
const SAVE: Duration = Duration::from_secs(1);

/// The same where somebody may wait for what it moved past, in another process.
const SAVE_FOLLOWED: Duration = Duration::from_millis(10);

/// The pauses between two attempts at an event that fails.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Why this process leads no more.
pub(super) enum Lost {
    /// The checkpoint is not where it was left.
    Moved,
    /// The lock that says who leads went with its connection.
    Lead,
    /// The database is gone, or said something that passes by itself.
    Connection(sqlx::Error),
}

impl From<sqlx::Error> for Lost {
    fn from(error: sqlx::Error) -> Self {
        Self::Connection(error)
    }
}

/// What came of a transaction.
enum Trouble {
    Lost(Lost),
    /// The events could not be taken in; nothing of them was.
    Failed(String),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Lost(Lost::Connection(error))
    }
}

pub(super) struct Follower {
    pub projection: Arc<dyn Projection>,
    pub log: Log,
    pub lane: Arc<Lane>,
    pub mark: Arc<Mark>,
    pub queue: QueueSignal,
    pub stop: CancellationToken,
}

/// How far a leader is: what the checkpoint says, and what it has seen since.
struct Progress {
    saved: Position,
    seen: Position,
    save_at: Instant,
    retry: Duration,
}

impl Follower {
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
        // Whoever stands by takes over at once.
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

    /// Takes in a batch, or as much of it as can be; says what it stopped at.
    async fn take_in(
        &self,
        batch: &[Arc<Recorded>],
        seen: Position,
        progress: &mut Progress,
    ) -> Result<Option<Stopped>, Lost> {
        let wanted = wanted(self.projection.as_ref(), batch);
        if wanted.is_empty() {
            let within = match self.follows_any(batch) {
                true => SAVE_FOLLOWED,
                false => SAVE,
            };
            let save_at = Instant::now() + within;
            progress.save_at = match progress.seen == progress.saved {
                true => save_at,
                false => save_at.min(progress.save_at),
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
        // One by one, to get as far as possible and to name the one that fails.
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

    /// Whether these events are of a kind that whoever writes it waits for.
    fn follows_any(&self, batch: &[Arc<Recorded>]) -> bool {
        let kinds = self.projection.follows();
        let is_followed = |event: &Arc<Recorded>| kinds.contains(&event.aggregate_type.as_str());
        !self.projection.makes_work() && batch.iter().any(is_followed)
    }

    /// Takes in these events and moves the checkpoint, both or neither.
    async fn write(
        &self,
        events: &[Arc<Recorded>],
        to: Position,
        progress: &mut Progress,
    ) -> Result<(), Trouble> {
        let work = events
            .iter()
            .any(|event| self.projection.brings_work(event));
        let mut place = self.lane.enter().await?;
        let moves = (progress.saved, to);
        let written = self.transact(&mut place.db, events, moves, work).await;
        let is_usable = match &written {
            // It may be within a transaction, or dead.
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
        if self.projection.makes_work() {
            sleep(REST_OF_QUEUE).await;
        } else if self.log.head() - seen < GATHERED {
            let rest = if taken < MANY { REST } else { LONG_REST };
            self.mark.rest(rest).await;
        }
    }

    /// Says that it stands still, and waits before the next attempt.
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

/// Whether the same statements may succeed a moment later: the connection, a lock or
/// a shutdown was in the way, not the events.
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

/// What the database said, without the row that it said it about.
fn in_words(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().unwrap_or_default()),
        None => error.to_string(),
    }
}
