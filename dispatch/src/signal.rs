//! The signal that wakes workers.

use std::sync::Arc;

use eventstore::{Log, Topic};
use tokio::sync::Notify;

/// The signal that there is new work in the queue, from this or another process. A signal that
/// comes while no task waits is kept.
#[derive(Clone, Debug)]
pub struct WorkSignal {
    here: Arc<Notify>,
    elsewhere: Arc<Notify>,
    log: Log,
}

impl WorkSignal {
    /// The signal of this process. One in every process; clones share it.
    pub fn new(log: &Log) -> Self {
        Self {
            here: Arc::default(),
            elsewhere: log.heard(Topic::Work),
            log: log.clone(),
        }
    }

    /// Waits for the next signal.
    pub async fn notified(&self) {
        tokio::select! {
            () = self.here.notified() => {}
            () = self.elsewhere.notified() => {}
        }
    }

    /// Sends the signal, in this and the other processes.
    pub fn ring(&self) {
        self.here.notify_one();
        self.log.tell(Topic::Work);
    }
}
