//! Runs projections: one task, one connection and one leader each.

mod checkpoint;
mod follower;

use std::{sync::Arc, time::Duration};

use eventstore::Log;
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{Projection, Watermarks};
use follower::{Follower, Lost};

/// The pause before a connection that was lost is opened again, and between two
/// attempts to become the leader.
const PAUSE: Duration = Duration::from_secs(1);

/// The running projections of this process.
pub struct Projector {
    tasks: JoinSet<()>,
}

impl Projector {
    /// Starts following the log, where this process leads, and standing by where it does
    /// not, until `stop` is cancelled. Connections are opened with the options of the
    /// log's pool, one for each projection.
    pub fn start(
        log: &Log,
        projections: Vec<Box<dyn Projection>>,
        watermarks: &Watermarks,
        stop: &CancellationToken,
    ) -> Self {
        let mut tasks = JoinSet::new();
        for projection in projections {
            let projection: Arc<dyn Projection> = projection.into();
            let Some(mark) = watermarks.mark(projection.name()) else {
                tracing::error!(
                    projection = projection.name(),
                    "nobody watches this projection; it does not run"
                );
                continue;
            };
            let follower = Follower {
                projection,
                log: log.clone(),
                mark,
                queue: watermarks.queue_signal(),
                stop: stop.clone(),
            };
            tasks.spawn(run(follower));
        }
        Self { tasks }
    }

    /// Waits until all of them have ended, which they do once `stop` is cancelled.
    pub async fn ended(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a projection's task failed");
            }
        }
    }
}

async fn run(follower: Follower) {
    let name = follower.projection.name();
    while !follower.stop.is_cancelled() {
        let ended = follower.lead().await;
        follower.mark.leave();
        match ended {
            Ok(()) => return,
            // Someone else moved the checkpoint, a rebuild for instance: go on from there.
            Err(Lost::Moved) => tracing::info!(projection = name, "the checkpoint was moved"),
            Err(Lost::Connection(error)) => {
                tracing::warn!(projection = name, %error, "lost the database");
                tokio::select! {
                    () = follower.stop.cancelled() => {}
                    () = sleep(PAUSE) => {}
                }
            }
        }
    }
}
