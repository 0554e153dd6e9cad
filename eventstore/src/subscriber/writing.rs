//! The transactions of a lane.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{LaneKind, Stopped, apply, checkpoint, lane::Lane, wanted};
use crate::{Position, Recorded, StoreError};

/// The time for which a lane gathers events after a batch while no request waits for it: fewer
/// and larger transactions leave the machine to other work.
const GATHER: Duration = Duration::from_millis(10);

/// The time for which a lane gathers events after a large batch: most events of a transmission
/// then come in one batch, and its row is written once.
const GATHER_LONG: Duration = Duration::from_millis(1_000);

/// The number of events from which a batch is large.
const LARGE: usize = 300;

/// The lag from which a lane does not wait, because enough events are there.
const GATHERED: Position = 18_000;

/// The time for which an urgent lane gathers events.
const GATHER_URGENT: Duration = Duration::from_millis(2);

/// Interval of saving a checkpoint that moved past unwanted events only.
const SAVE: Duration = Duration::from_secs(1);

/// Time until a checkpoint is saved that moved past events of a followed type, which a request
/// in another process may wait for.
const SAVE_FOLLOWED: Duration = Duration::from_millis(10);

/// What a member is to write: its index in the lane, and the events that it wants.
type Share = (usize, Vec<Arc<Recorded>>);

type Read = Result<Vec<Arc<Recorded>>, StoreError>;

/// The end of a transaction.
enum Written {
    Committed,
    /// A checkpoint was moved by another writer.
    Moved,
    /// The events could not be applied, and the transaction was rolled back.
    Failed(String),
}

impl Lane {
    /// Takes in a batch with all members at the foremost position, in one transaction.
    pub(super) async fn take_in(&mut self, front: Position, read: Read) -> Result<(), sqlx::Error> {
        let Some(events) = self.readable(read, front, |seen, _| seen == front).await? else {
            return Ok(());
        };
        let to = self.source.position();
        if to == front {
            return Ok(());
        }
        let (mut shares, mut others): (Vec<Share>, Vec<usize>) = Default::default();
        for index in self.at(front) {
            let wanted = wanted(self.members[index].subscriber.as_ref(), &events);
            if wanted.is_empty() {
                others.push(index);
            } else {
                shares.push((index, wanted));
            }
        }
        if !shares.is_empty() {
            match self.write(&shares, to).await? {
                Written::Committed => {}
                Written::Moved => return self.follow_checkpoints(&shares).await,
                Written::Failed(_) if shares.len() > 1 => {
                    for (index, wanted) in &shares {
                        self.write_alone(*index, wanted, to).await?;
                    }
                }
                Written::Failed(_) => self.write_one_by_one(shares[0].0, &shares[0].1, to).await?,
            }
        }
        let head = self.log.head();
        for index in others {
            self.members[index].pass(to, head);
        }
        self.save_within(&events);
        let taken = shares.iter().map(|(_, wanted)| wanted.len()).max();
        self.gather(taken.unwrap_or_default(), to).await;
        Ok(())
    }

    /// The members that have read up to this position and are not stopped.
    fn at(&self, position: Position) -> Vec<usize> {
        let now = Instant::now();
        let members = self.members.iter().enumerate();
        members
            .filter(|(_, member)| member.active_at(now) == Some(position))
            .map(|(index, _)| index)
            .collect()
    }

    /// The events of a read. If the log cannot be read there, the members that asked, given their
    /// position and index, are stopped.
    pub(super) async fn readable(
        &mut self,
        read: Read,
        from: Position,
        asked: impl Fn(Position, usize) -> bool,
    ) -> Result<Option<Vec<Arc<Recorded>>>, sqlx::Error> {
        let error = match read {
            Ok(events) => return Ok(Some(events)),
            Err(StoreError::Database(error)) => return Err(error),
            Err(StoreError::Closed) => return Err(sqlx::Error::PoolClosed),
            Err(error) => error.to_string(),
        };
        for index in self.at(from) {
            if asked(from, index) {
                let stopped = Stopped {
                    position: from + 1,
                    error: error.clone(),
                };
                self.stop_at(index, stopped).await?;
            }
        }
        Ok(None)
    }

    /// Writes what one member wants, in a transaction of its own, or as much of it as possible.
    pub(super) async fn write_alone(
        &mut self,
        index: usize,
        wanted: &[Arc<Recorded>],
        to: Position,
    ) -> Result<(), sqlx::Error> {
        let shares = [(index, wanted.to_vec())];
        match self.write(&shares, to).await? {
            Written::Committed => Ok(()),
            Written::Moved => self.follow_checkpoints(&shares).await,
            Written::Failed(_) => self.write_one_by_one(index, wanted, to).await,
        }
    }

    /// Writes event by event, to get as far as possible and to find the one that fails.
    async fn write_one_by_one(
        &mut self,
        index: usize,
        wanted: &[Arc<Recorded>],
        to: Position,
    ) -> Result<(), sqlx::Error> {
        for event in wanted {
            let position = event.position;
            let shares = [(index, vec![Arc::clone(event)])];
            match self.write(&shares, position).await? {
                Written::Committed => {}
                Written::Moved => return self.follow_checkpoints(&shares).await,
                Written::Failed(error) => {
                    return self.stop_at(index, Stopped { position, error }).await;
                }
            }
        }
        let head = self.log.head();
        self.members[index].pass(to, head);
        Ok(())
    }

    /// Applies the shares of some members and moves their checkpoints, in one transaction.
    async fn write(&mut self, shares: &[Share], to: Position) -> Result<Written, sqlx::Error> {
        let moves: Vec<_> = shares
            .iter()
            .filter_map(|(index, _)| {
                let member = &self.members[*index];
                Some((member.name(), member.leading.as_ref()?.saved, to))
            })
            .collect();
        let is_durable = shares.iter().any(|(index, wanted)| {
            let subscriber = &self.members[*index].subscriber;
            wanted.iter().any(|event| subscriber.is_durable(event))
        });
        let db = self.connection.get().await?;
        let mut schema = match shares.first() {
            Some((index, _)) => self.members[*index].subscriber.schema(),
            None => return Ok(Written::Committed),
        };
        if !checkpoint::begin(db, &moves, schema, is_durable).await? {
            return Ok(Written::Moved);
        }
        for (index, wanted) in shares {
            let subscriber = self.members[*index].subscriber.as_ref();
            if subscriber.schema() != schema {
                schema = subscriber.schema();
                checkpoint::search(db, schema).await?;
            }
            if let Err(error) = apply(subscriber, db, wanted).await {
                if is_transient(&error) {
                    return Err(error);
                }
                checkpoint::rollback(db).await?;
                return Ok(Written::Failed(in_words(&error)));
            }
        }
        checkpoint::commit(db).await?;
        let head = self.log.head();
        for (index, wanted) in shares {
            let member = &mut self.members[*index];
            member.save(to);
            member.pass(to, head);
            member.subscriber.committed(wanted);
        }
        Ok(Written::Committed)
    }

    /// Continues at the checkpoints of these members, which another writer moved.
    async fn follow_checkpoints(&mut self, shares: &[Share]) -> Result<(), sqlx::Error> {
        let db = self.connection.get().await?;
        for (index, _) in shares {
            self.members[*index].follow_checkpoint(db).await?;
        }
        Ok(())
    }

    /// Records that a member is stopped at an event, and when it tries again.
    async fn stop_at(&mut self, index: usize, stopped: Stopped) -> Result<(), sqlx::Error> {
        let member = &mut self.members[index];
        let (name, saved) = match &member.leading {
            Some(leading) => (member.name(), leading.saved),
            None => return Ok(()),
        };
        checkpoint::stop(self.connection.get().await?, name, saved, &stopped).await?;
        member.stop(Instant::now());
        if member.mark.stop(stopped.clone(), self.log.head()) {
            tracing::error!(
                subscriber = name,
                event.position = stopped.position,
                error = stopped.error,
                "stopped at an event"
            );
        }
        Ok(())
    }

    /// Has the checkpoints saved soon, if members have passed these events without wanting them.
    pub(super) fn save_within(&mut self, events: &[Arc<Recorded>]) {
        let unsaved = |index: &usize| {
            let leading = self.members[*index].leading.as_ref();
            leading.is_some_and(|leading| leading.seen != leading.saved)
        };
        let unsaved: Vec<_> = (0..self.members.len()).filter(unsaved).collect();
        if unsaved.is_empty() {
            self.save_at = None;
            return;
        }
        let is_followed = unsaved.iter().any(|index| {
            let kinds = self.members[*index].subscriber.follows();
            events
                .iter()
                .any(|event| kinds.contains(&event.aggregate_type.as_str()))
        });
        let save_at = Instant::now() + if is_followed { SAVE_FOLLOWED } else { SAVE };
        self.save_at = Some(self.save_at.map_or(save_at, |other| other.min(save_at)));
    }

    /// Saves the checkpoints that moved past unwanted events only.
    pub(super) async fn save(&mut self) -> Result<(), sqlx::Error> {
        self.save_at = None;
        let is_unsaved = |index: &usize| {
            let leading = self.members[*index].leading.as_ref();
            leading.is_some_and(|leading| leading.seen != leading.saved)
        };
        let shares: Vec<Share> = (0..self.members.len())
            .filter(is_unsaved)
            .map(|index| (index, Vec::new()))
            .collect();
        let moves: Vec<_> = shares
            .iter()
            .filter_map(|(index, _)| {
                let member = &self.members[*index];
                let leading = member.leading.as_ref()?;
                Some((member.name(), leading.saved, leading.seen))
            })
            .collect();
        if moves.is_empty() {
            return Ok(());
        }
        let db = self.connection.get().await?;
        if !checkpoint::begin(db, &moves, "public", false).await? {
            return self.follow_checkpoints(&shares).await;
        }
        checkpoint::commit(db).await?;
        for ((index, _), (_, _, to)) in shares.iter().zip(moves) {
            self.members[*index].save(to);
        }
        Ok(())
    }

    /// Waits for more events to come together, unless a request waits for a member.
    async fn gather(&self, taken: usize, seen: Position) {
        let members = || self.members.iter();
        if taken == 0 {
            return;
        }
        if members().any(|one| one.subscriber.lane() == LaneKind::Urgent) {
            sleep(GATHER_URGENT).await;
        } else if self.log.head() - seen < GATHERED && !members().any(|one| one.mark.is_awaited()) {
            let pause = if taken < LARGE { GATHER } else { GATHER_LONG };
            let hurried = members().map(|one| Box::pin(one.mark.hurried()));
            // A time-out is the ordinary case.
            let _ = timeout(pause, futures::future::select_all(hurried)).await;
        }
    }
}

/// True if the error is transient: it is due to the connection, a lock or a shutdown and not to
/// the events.
fn is_transient(error: &sqlx::Error) -> bool {
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
