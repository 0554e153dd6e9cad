//! Runs the subscribers of a process: each lane in a task of its own.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{HighWaterMarks, Subscriber, assignment::assign, lane::Lane, member::Member};
use crate::Log;

/// The running subscribers of this process.
pub struct Subscribers {
    lanes: JoinSet<()>,
}

impl Subscribers {
    /// Runs these subscribers until `stop` is cancelled: follows the log with those that this
    /// process leads, and stands by for the others. Opens at most `connections` connections, with
    /// the options of the log's pool.
    pub fn start(
        log: &Log,
        subscribers: Vec<Arc<dyn Subscriber>>,
        connections: usize,
        marks: &HighWaterMarks,
        stop: &CancellationToken,
    ) -> Self {
        let kinds: Vec<_> = subscribers.iter().map(|one| one.lane()).collect();
        let assigned = assign(&kinds, connections);
        let count = assigned.iter().max().map_or(0, |last| last + 1);
        let mut members: Vec<Vec<Member>> = (0..count).map(|_| Vec::new()).collect();
        for (subscriber, lane) in subscribers.into_iter().zip(assigned) {
            match marks.mark(subscriber.name()) {
                Some(mark) => members[lane].push(Member::new(subscriber, mark)),
                None => tracing::error!(
                    subscriber = subscriber.name(),
                    "the subscriber has no high-water mark, so it does not run"
                ),
            }
        }
        let mut lanes = JoinSet::new();
        for members in members {
            lanes.spawn(Lane::new(log, members, stop.clone()).run());
        }
        Self { lanes }
    }

    /// Waits until all lanes have ended, which they do once `stop` is cancelled.
    pub async fn ended(mut self) {
        while let Some(ended) = self.lanes.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a lane of subscribers failed");
            }
        }
    }
}
