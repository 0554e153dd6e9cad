//! Runs the projections: each in a task of its own, with one leader among all processes, on a few
//! shared connections.

mod checkpoint;
mod lane;
mod subscriber;

use std::{sync::Arc, time::Duration};

use eventstore::Log;
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{Projection, Watermarks};
use lane::{Lane, assign};
use subscriber::{Lost, Subscriber};

/// Pause before a lost connection is opened again, and between two attempts to become the leader.
const PAUSE: Duration = Duration::from_secs(1);

/// The running projections of this process.
pub struct Projector {
    tasks: JoinSet<()>,
    lanes: Vec<Arc<Lane>>,
}

impl Projector {
    /// Runs the projections until `stop` is cancelled: follows the log with those that this process
    /// leads, and stands by for the others. At most `connections` connections are opened, with the
    /// options of the log's pool: each is a lane of some projections, which write one after another
    /// and one transaction each, so that none blocks another.
    pub fn start(
        log: &Log,
        projections: Vec<Box<dyn Projection>>,
        connections: usize,
        watermarks: &Watermarks,
        stop: &CancellationToken,
    ) -> Self {
        let mut tasks = JoinSet::new();
        let projections: Vec<Arc<dyn Projection>> =
            projections.into_iter().map(Into::into).collect();
        let assigned = assign(&projections, connections);
        let count = assigned.iter().max().map_or(0, |last| last + 1);
        let lanes: Vec<_> = (0..count)
            .map(|_| Arc::new(Lane::new(log.pool())))
            .collect();
        for (projection, lane) in projections.into_iter().zip(assigned) {
            let Some(mark) = watermarks.mark(projection.name()) else {
                tracing::error!(
                    projection = projection.name(),
                    "nobody watches this projection; it does not run"
                );
                continue;
            };
            let subscriber = Subscriber {
                projection,
                log: log.clone(),
                lane: Arc::clone(&lanes[lane]),
                mark,
                queue: watermarks.queue_signal(),
                stop: stop.clone(),
            };
            tasks.spawn(run(subscriber));
        }
        Self { tasks, lanes }
    }

    /// Waits until all projections have ended, which they do once `stop` is cancelled.
    pub async fn ended(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a projection's task failed");
            }
        }
        for lane in &self.lanes {
            lane.close().await;
        }
    }
}

async fn run(subscriber: Subscriber) {
    let name = subscriber.projection.name();
    while !subscriber.stop.is_cancelled() {
        let ended = subscriber.lead().await;
        subscriber.mark.leave();
        match ended {
            Ok(()) => return,
            // Another writer moved the checkpoint, for example a rebuild: continue from there.
            Err(Lost::Moved) => tracing::info!(projection = name, "the checkpoint was moved"),
            Err(Lost::Lead) => tracing::warn!(projection = name, "lost the lead"),
            Err(Lost::Connection(error)) => {
                tracing::warn!(projection = name, %error, "lost the database");
                tokio::select! {
                    () = subscriber.stop.cancelled() => {}
                    () = sleep(PAUSE) => {}
                }
            }
        }
    }
}
