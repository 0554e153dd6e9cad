//! When a lane writes: the checkpoints that only passed events, and the pauses in which events
//! come together.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{checkpoint, lane::Lane, transaction::is_busy};
use crate::{Position, Recorded};

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

impl Lane {
    /// Has the checkpoints saved soon, if members have passed these events without wanting them.
    pub(super) fn save_within(&mut self, events: &[Arc<Recorded>]) {
        let kinds: Vec<_> = self
            .members
            .iter()
            .filter(|member| member.unsaved().is_some())
            .map(|member| member.subscriber.follows())
            .collect();
        if kinds.is_empty() {
            self.save_at = None;
            return;
        }
        let is_followed = events.iter().any(|event| {
            let kind = event.aggregate_type.as_str();
            kinds.iter().any(|kinds| kinds.contains(&kind))
        });
        let save_at = Instant::now() + if is_followed { SAVE_FOLLOWED } else { SAVE };
        self.save_at = Some(self.save_at.map_or(save_at, |other| other.min(save_at)));
    }

    /// Saves the checkpoints that moved past unwanted events only.
    pub(super) async fn save(&mut self) -> Result<(), sqlx::Error> {
        self.save_at = None;
        let members = self.members.iter().enumerate();
        let unsaved = members.filter_map(|(index, member)| Some((index, member.unsaved()?)));
        let (unsaved, moves): (Vec<usize>, Vec<_>) = unsaved.unzip();
        if moves.is_empty() {
            return Ok(());
        }
        let db = self.connection.get().await?;
        match checkpoint::begin(db, &moves, "public", false).await {
            Ok(true) => checkpoint::commit(db).await?,
            Ok(false) => {
                self.save_at = Some(Instant::now() + SAVE_FOLLOWED);
                return self.follow_checkpoints(&unsaved).await;
            }
            Err(error) if is_busy(&error) => {
                checkpoint::rollback(db).await?;
                self.save_at = Some(Instant::now() + SAVE);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        for (index, (_, _, to)) in unsaved.into_iter().zip(moves) {
            self.members[index].save(to);
        }
        Ok(())
    }

    /// Waits for more events to come together, unless a request waits for a member, or a member is
    /// behind.
    pub(super) async fn gather(&self, taken: usize, urgently: bool, seen: Position) {
        let members = || self.members.iter();
        if urgently {
            return sleep(GATHER_URGENT).await;
        }
        let is_behind = self.active().any(|(position, _)| position < seen);
        let is_awaited = members().any(|one| one.mark.is_awaited());
        if is_behind || is_awaited || self.log.head() - seen >= GATHERED {
            return;
        }
        // Those of other members wait as well.
        let is_long = taken >= LARGE && self.members.len() == 1;
        let pause = if is_long { GATHER_LONG } else { GATHER };
        let until_save = |at: Instant| at.saturating_duration_since(Instant::now());
        let pause = self.save_at.map_or(pause, |at| pause.min(until_save(at)));
        let hurried = members().map(|one| Box::pin(one.mark.hurried()));
        // A time-out is the ordinary case.
        let _ = timeout(pause, futures::future::select_all(hurried)).await;
    }
}
