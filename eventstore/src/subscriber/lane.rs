//! A lane: a task and a connection that several subscribers share.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{PAUSE, Source, connection::LaneConnection, member::Member};
use crate::{Log, Position};

/// Pause of a lane that waits for this process to see a part of the log that another has read.
const CATCHING_UP: Duration = Duration::from_millis(10);

/// Subscribers that share a task and a connection. Those at the foremost position read and write
/// together; the others catch up one by one, between two batches of the former.
pub(super) struct Lane {
    pub(super) log: Log,
    pub(super) connection: LaneConnection,
    pub(super) members: Vec<Member>,
    pub(super) source: Source,
    /// The time of saving checkpoints that moved past unwanted events only.
    pub(super) save_at: Option<Instant>,
    elect_at: Instant,
    stop: CancellationToken,
}

impl Lane {
    pub fn new(log: &Log, members: Vec<Member>, stop: CancellationToken) -> Self {
        let mut types: Vec<_> = members
            .iter()
            .flat_map(|member| member.subscriber.needs())
            .copied()
            .collect();
        types.sort_unstable();
        types.dedup();
        Self {
            log: log.clone(),
            connection: LaneConnection::new(log.pool()),
            members,
            source: Source::new(log, &types, 0),
            save_at: None,
            elect_at: Instant::now(),
            stop,
        }
    }

    /// Follows the log with the members that this process leads, until told to stop.
    pub async fn run(mut self) {
        while !self.stop.is_cancelled() {
            let Err(error) = self.round().await else {
                continue;
            };
            tracing::warn!(%error, "a lane of subscribers lost the database");
            self.connection.recover().await;
            self.resign().await;
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = sleep(PAUSE) => {}
            }
        }
        if let Err(error) = self.save().await {
            tracing::debug!(%error, "checkpoints are older than what was read");
        }
        self.resign().await;
        self.connection.close().await;
    }

    async fn resign(&mut self) {
        for member in &mut self.members {
            member.resign().await;
        }
        self.elect_at = Instant::now();
    }

    /// One batch, or one wait for it.
    async fn round(&mut self) -> Result<(), sqlx::Error> {
        self.elect().await?;
        let now = Instant::now();
        for member in &mut self.members {
            member.go_on_if_due(now);
        }
        if self.save_at.is_some_and(|at| at <= now) {
            self.save().await?;
        }
        let Some(front) = self.active().map(|(position, _)| position).max() else {
            return self.wait_for_members().await;
        };
        if self.source.position() != front {
            self.source.seek(front);
        }
        match self.active().min() {
            Some((behind, index)) if behind < front => self.round_behind(index, front).await,
            _ => self.round_together(front).await,
        }
    }

    /// The members that follow, with their positions: neither standing by nor stopped.
    pub(super) fn active(&self) -> impl Iterator<Item = (Position, usize)> {
        let members = self.members.iter().enumerate();
        members.filter_map(|(index, member)| Some((member.active_at()?, index)))
    }

    /// A batch of a member that is behind, and what there is for the others.
    async fn round_behind(&mut self, index: usize, front: Position) -> Result<(), sqlx::Error> {
        let moved = self.catch_up(index, front).await?;
        let batch = self.source.ready().await;
        let is_idle = !moved && batch.as_ref().is_ok_and(Vec::is_empty);
        self.take_in(front, batch).await?;
        if is_idle {
            sleep(CATCHING_UP).await;
        }
        Ok(())
    }

    /// Tries to lead those members that this process does not lead, now and then.
    async fn elect(&mut self) -> Result<(), sqlx::Error> {
        for member in &mut self.members {
            member.resign_if_lost();
        }
        if !self.stands_by() || Instant::now() < self.elect_at {
            return Ok(());
        }
        let db = self.connection.get().await?;
        for member in &mut self.members {
            if member.leading.is_none() {
                member.elect(&self.log, db).await?;
            }
        }
        self.elect_at = Instant::now() + PAUSE;
        Ok(())
    }

    fn stands_by(&self) -> bool {
        self.members.iter().any(|member| member.leading.is_none())
    }

    async fn wait_for_members(&mut self) -> Result<(), sqlx::Error> {
        let retry_at = self.next_retry();
        let until = if self.stands_by() {
            self.elect_at.min(retry_at)
        } else {
            retry_at
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep_until(until) => {}
        }
        Ok(())
    }

    /// A batch of all members, or a wait for it. What is there is read first, and that is never
    /// cut off, however long the database takes.
    async fn round_together(&mut self, front: Position) -> Result<(), sqlx::Error> {
        let batch = self.source.ready().await;
        if batch.is_err() || self.source.position() != front {
            return self.take_in(front, batch).await;
        }
        let stands_by = self.stands_by();
        let retry_at = self.next_retry();
        let save_at = self.save_at.unwrap_or(retry_at);
        let leading = self.members.iter().find_map(|one| one.leading.as_ref());
        let lost = async {
            match leading {
                Some(leading) => leading.lost().await,
                None => std::future::pending().await,
            }
        };
        let batch = tokio::select! {
            () = self.stop.cancelled() => return Ok(()),
            () = lost => return Ok(()),
            () = sleep_until(self.elect_at), if stands_by => return Ok(()),
            () = sleep_until(retry_at) => return Ok(()),
            () = sleep_until(save_at) => return Ok(()),
            batch = self.source.next() => batch,
        };
        self.take_in(front, batch).await
    }

    /// The time at which the next stopped member goes on, or of looking again without one.
    fn next_retry(&self) -> Instant {
        let leading = self.members.iter().filter_map(|one| one.leading.as_ref());
        let stopped = leading.filter_map(|leading| leading.stopped_until);
        let latest = Instant::now() + PAUSE;
        stopped.min().map_or(latest, |until| until.min(latest))
    }
}
