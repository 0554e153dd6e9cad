//! Rebuilds a projection while the old one serves, and compares the two.
//!
//! The new tables are built in schema `rebuild` from position 0. One transaction that locks the
//! live checkpoint then applies the last events, drops the old tables, and moves the new ones
//! into their place. Readers see either the old or the new tables.

mod compare;
mod tables;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use eventstore::{
    LockName, Log, Position, Recorded, StoreError,
    subscriber::{FIND_BY_KEY, Source, Subscriber, apply, wanted},
};
use sqlx::{Connection, Executor as _, PgConnection, Row as _};
use thiserror::Error;
use tokio::time::sleep;

use crate::{all, projection::ReadModel};

pub use compare::differences;

/// The number of events from which a chunk is applied; a chunk may have more.
const CHUNK: usize = 5_000;

/// The number of attempts at the swap, and the pause between them. An attempt waits for readers of
/// the old tables only for a moment, because readers that come after it have to wait too.
const SWAPS: u32 = 240;
const PAUSE: Duration = Duration::from_millis(500);

/// The result of a rebuild.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The number of events read, of the types that the projection needs.
    pub events: u64,
    /// The position up to which events were applied.
    pub position: Position,
}

/// An error of rebuilding or comparing a projection.
#[derive(Debug, Error)]
pub enum RebuildError {
    /// No projection has this name or maintains a table of this name.
    #[error("there is no projection {0}")]
    Unknown(String),
    /// Another rebuild of the projection is running.
    #[error("{0} is being rebuilt already")]
    Busy(&'static str),
    /// The old tables were in use at every attempt of the swap.
    #[error("{0} was built anew but not put in place: the old tables were in use all the time")]
    InUse(&'static str),
    /// The live projection did not reach the position of the rebuild, so there was no common
    /// position to compare at.
    #[error("{0} did not come to rest")]
    Restless(&'static str),
    /// An event could not be applied.
    #[error("between positions {from} and {to}: {error}")]
    Failed {
        /// The first position of the batch.
        from: Position,
        /// The last position of the batch.
        to: Position,
        /// The error of the database or the projection.
        error: sqlx::Error,
    },
    /// An error of the database.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// An error of reading the log.
    #[error(transparent)]
    Log(#[from] StoreError),
}

/// Rebuilds a projection and replaces the old one. `name` is that of the projection or of one of
/// its tables; `progress` is called with the present and the final position.
pub async fn rebuild(
    log: &Log,
    name: &str,
    mut progress: impl FnMut(Position, Position) + Send,
) -> Result<Rebuilt, RebuildError> {
    let mut building = Building::begin(log, name).await?;
    building.catch_up(&mut progress).await?;
    building.finish_tables().await?;
    building.catch_up(&mut progress).await?;
    for _ in 0..SWAPS {
        if building.swap().await? {
            let Building {
                seen, events, db, ..
            } = building;
            db.close().await?;
            progress(seen, seen);
            return Ok(Rebuilt {
                events,
                position: seen,
            });
        }
        sleep(PAUSE).await;
        building.catch_up(&mut progress).await?;
    }
    let name = building.projection.name();
    building.abandon().await?;
    Err(RebuildError::InUse(name))
}

/// A projection that is being built in schema `rebuild`.
struct Building {
    projection: ReadModel,
    log: Log,
    db: PgConnection,
    source: Source,
    /// Definitions of the indexes to be made at the end, which is cheaper than to maintain them.
    late: Vec<String>,
    seen: Position,
    events: u64,
}

impl Building {
    async fn begin(log: &Log, name: &str) -> Result<Self, RebuildError> {
        let projection: ReadModel = all()
            .into_iter()
            .find(|one| one.name() == name || one.tables().contains(&name))
            .ok_or_else(|| RebuildError::Unknown(name.to_owned()))?
            .into();
        let options = (*log.pool().connect_options()).clone();
        let called = format!("ledgerline rebuild {}", projection.name());
        let mut db = PgConnection::connect_with(&options.application_name(&called)).await?;
        // Of two rebuilds of one projection the second is refused.
        let lock = LockName::Rebuild(projection.name());
        if !lock.try_lock_in_session(&mut db).await? {
            return Err(RebuildError::Busy(projection.name()));
        }
        db.execute(&*format!(
            "set search_path = rebuild; set synchronous_commit = off; {FIND_BY_KEY}"
        ))
        .await?;
        // With outdated statistics Postgres might sort the whole log for every chunk.
        db.execute("analyze public.events, public.subject_keys")
            .await?;
        let source = Source::new(log, projection.needs(), 0);
        let late = tables::create(&mut db, projection.0.tables(), projection.0.finds_by()).await?;
        Ok(Self {
            projection,
            log: log.clone(),
            db,
            source,
            late,
            seen: 0,
            events: 0,
        })
    }

    /// Applies all events up to the present head of the log.
    async fn catch_up(
        &mut self,
        progress: &mut (impl FnMut(Position, Position) + Send),
    ) -> Result<(), RebuildError> {
        let head = self.log.fresh_head().await?;
        let mut chunk = read(&mut self.source, head).await?;
        while self.seen < head {
            // The next chunk is read and unsealed while the database writes this one.
            let from = self.seen + 1;
            let to = self.source.position();
            let write = write(&self.projection, &mut self.db, &chunk);
            let (written, next) = tokio::join!(write, read(&mut self.source, head));
            written.map_err(|error| RebuildError::Failed { from, to, error })?;
            self.events += chunk.len() as u64;
            self.seen = to;
            progress(to, head.max(to));
            chunk = next?;
        }
        Ok(())
    }

    async fn finish_tables(&mut self) -> Result<(), RebuildError> {
        // Postgres makes an index on one core: two at a time, those that take long first.
        let mut late = std::mem::take(&mut self.late);
        late.sort_by_key(|definition| definition.contains("USING gin"));
        let late = Mutex::new(late);
        let mut second = PgConnection::connect_with(&self.log.pool().connect_options()).await?;
        for db in [&mut self.db, &mut second] {
            db.execute("set maintenance_work_mem = '192MB'").await?;
        }
        tokio::try_join!(
            make_indexes(&mut self.db, &late),
            make_indexes(&mut second, &late)
        )?;
        second.close().await?;
        for table in self.projection.0.tables() {
            self.db
                .execute(&*format!("analyze rebuild.{table}"))
                .await?;
        }
        Ok(())
    }

    /// Replaces the old tables by the new ones; false if the old ones are in use.
    async fn swap(&mut self) -> Result<bool, RebuildError> {
        let name = self.projection.name();
        self.db.execute("begin").await?;
        let before = self.seen;
        let live = self.hold_checkpoint().await?;
        self.take_in_until(live).await?;
        // A live projection that is behind or stopped continues from the position of this one.
        sqlx::query(
            "update public.checkpoints set position = $2, stopped_at_position = null, \
             error = null, stopped_since = null, updated_at = now() where name = $1",
        )
        .bind(name)
        .bind(self.seen)
        .execute(&mut self.db)
        .await?;
        match tables::put_in_place(&mut self.db, self.projection.0.tables()).await {
            Ok(()) => {
                self.db.execute("commit").await?;
                Ok(true)
            }
            Err(error) => {
                self.db.execute("rollback").await?;
                self.seen = before;
                self.source.seek(before);
                let in_use = error.as_database_error().and_then(|error| error.code());
                if in_use.is_some_and(|code| code == "55P03" || code == "40P01") {
                    return Ok(false);
                }
                Err(error.into())
            }
        }
    }

    /// Locks and reads the live checkpoint, so that the live projection waits.
    async fn hold_checkpoint(&mut self) -> Result<Position, sqlx::Error> {
        let name = self.projection.name();
        sqlx::query("insert into public.checkpoints (name) values ($1) on conflict do nothing")
            .bind(name)
            .execute(&mut self.db)
            .await?;
        let row = sqlx::query("select position from public.checkpoints where name = $1 for update")
            .bind(name)
            .fetch_one(&mut self.db)
            .await?;
        row.try_get(0)
    }

    /// Applies the events that the live projection has applied, and none beyond, in the open
    /// transaction.
    async fn take_in_until(&mut self, live: Position) -> Result<(), RebuildError> {
        while self.seen < live {
            self.source.seek(self.seen);
            let mut events = self.source.next().await?;
            let to = self.source.position().min(live);
            events.retain(|event| event.position <= to);
            let wanted = wanted(&self.projection, &events);
            let from = self.seen + 1;
            let applied = self.projection.apply(&mut self.db, &wanted).await;
            applied.map_err(|error| RebuildError::Failed { from, to, error })?;
            self.events += events.len() as u64;
            self.seen = to;
        }
        self.source.seek(self.seen);
        Ok(())
    }

    async fn abandon(mut self) -> Result<(), RebuildError> {
        tables::drop_leftovers(&mut self.db, self.projection.0.tables()).await?;
        self.db.close().await?;
        Ok(())
    }
}

/// Makes indexes, taken from the end of a list that is shared with another connection.
async fn make_indexes(
    db: &mut PgConnection,
    definitions: &Mutex<Vec<String>>,
) -> Result<(), sqlx::Error> {
    loop {
        let next = definitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let Some(definition) = next else {
            return Ok(());
        };
        db.execute(&*definition).await?;
    }
}

/// Reads the next chunk of the log, up to `head`.
async fn read(source: &mut Source, head: Position) -> Result<Vec<Arc<Recorded>>, StoreError> {
    let mut events = Vec::new();
    while events.len() < CHUNK && source.position() < head {
        events.extend(source.next().await?);
    }
    Ok(events)
}

async fn write(
    projection: &dyn Subscriber,
    db: &mut PgConnection,
    events: &[Arc<Recorded>],
) -> Result<(), sqlx::Error> {
    let wanted = wanted(projection, events);
    if wanted.is_empty() {
        return Ok(());
    }
    let mut transaction = db.begin().await?;
    apply(projection, &mut transaction, &wanted).await?;
    transaction.commit().await
}
