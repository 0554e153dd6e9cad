//! Writes of a lane's members: together, or each alone when that fails.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    LaneKind, PAUSE, Stopped, checkpoint,
    lane::Lane,
    transaction::{Share, Written},
    wanted,
};
use crate::{Position, Recorded, StoreError};

type Read = Result<Vec<Arc<Recorded>>, StoreError>;

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
        // Urgent subscribers have a transaction of their own, before the others: workers act upon it.
        let is_urgent = |(index, _): &Share| self.is_urgent(*index);
        let (urgent, shares): (Vec<_>, Vec<_>) = shares.into_iter().partition(is_urgent);
        for shares in [&urgent, &shares] {
            self.write_together(shares, to).await?;
        }
        let head = self.log.head();
        for index in others {
            self.members[index].pass(to, head);
        }
        self.save_within(&events);
        let all = urgent.iter().chain(&shares);
        if let Some(most) = all.map(|(_, wanted)| wanted.len()).max() {
            self.gather(most, !urgent.is_empty(), to).await;
        }
        Ok(())
    }

    fn is_urgent(&self, index: usize) -> bool {
        self.members[index].subscriber.lane() == LaneKind::Urgent
    }

    /// Writes the shares of members at one position, in one transaction if that is possible.
    async fn write_together(&mut self, shares: &[Share], to: Position) -> Result<(), sqlx::Error> {
        match shares {
            [] => return Ok(()),
            [(index, wanted)] => return self.write_alone(*index, wanted, to).await,
            _ => {}
        }
        match self.write(shares, to).await? {
            Written::Committed => {}
            Written::Moved => self.follow_checkpoints(&indices(shares)).await?,
            Written::Busy | Written::Failed(_) => {
                for (index, wanted) in shares {
                    self.write_alone(*index, wanted, to).await?;
                }
            }
        }
        Ok(())
    }

    /// The members that have read up to this position and are not stopped.
    fn at(&self, position: Position) -> Vec<usize> {
        let active = self.active().filter(|(at, _)| *at == position);
        active.map(|(_, index)| index).collect()
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
            Written::Moved => self.follow_checkpoints(&[index]).await,
            Written::Busy => {
                self.pause(index);
                Ok(())
            }
            Written::Failed(_) => self.write_in_steps(index, wanted, to).await,
        }
    }

    /// Writes in smaller and smaller steps, to get as far as possible and to find the event that
    /// fails.
    async fn write_in_steps(
        &mut self,
        index: usize,
        wanted: &[Arc<Recorded>],
        to: Position,
    ) -> Result<(), sqlx::Error> {
        let (mut rest, mut step) = (wanted, wanted.len().div_ceil(2));
        while !rest.is_empty() {
            let (part, after) = rest.split_at(step.min(rest.len()));
            let position = part.last().map_or(to, |event| event.position);
            let shares = [(index, part.to_vec())];
            match self.write(&shares, position).await? {
                Written::Committed => rest = after,
                Written::Moved => return self.follow_checkpoints(&[index]).await,
                Written::Busy => {
                    self.pause(index);
                    return Ok(());
                }
                Written::Failed(_) if part.len() > 1 => step = part.len() / 2,
                Written::Failed(error) => {
                    return self.stop_at(index, Stopped { position, error }).await;
                }
            }
        }
        let head = self.log.head();
        self.members[index].pass(to, head);
        Ok(())
    }

    fn pause(&mut self, index: usize) {
        tracing::debug!(subscriber = self.members[index].name(), "waits for a lock");
        self.members[index].pause(Instant::now() + PAUSE);
    }
}

fn indices(shares: &[Share]) -> Vec<usize> {
    shares.iter().map(|(index, _)| *index).collect()
}
