//! Waking workers.

use std::sync::Arc;

use eventstore::Log;
use tokio::sync::Notify;

/// Rings when there is new work in the queue, whoever put it there. A ring that nobody
/// hears is kept.
#[derive(Clone, Debug)]
pub struct QueueSignal {
    here: Arc<Notify>,
    elsewhere: Arc<Notify>,
    log: Log,
}

impl QueueSignal {
    pub(crate) fn of(log: &Log) -> Self {
        Self {
            here: Arc::default(),
            elsewhere: log.work_elsewhere(),
            log: log.clone(),
        }
    }

    /// Waits for the next ring.
    pub async fn notified(&self) {
        tokio::select! {
            () = self.here.notified() => {}
            () = self.elsewhere.notified() => {}
        }
    }

    /// Rings, here and in the other processes.
    pub fn ring(&self) {
        self.here.notify_one();
        self.log.announce_work();
    }
}
