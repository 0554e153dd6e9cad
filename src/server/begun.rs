//! The parts of a process that use the database as long as they run.

use std::time::Duration;

use eventstore::subscriber::Subscribers;
use futures::future::join_all;
use sqlx::PgPool;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Time limit for the last queries.
const LAST_QUERIES: Duration = Duration::from_millis(500);

/// The subscribers and the connections, from the moment in which each is begun: a start that fails
/// ends them as a stop does.
pub struct Begun {
    /// The subscribers that write, if they are started.
    pub subscribers: Option<Subscribers>,
    /// The pools of connections.
    pub pools: Vec<PgPool>,
    /// Ends the subscribers.
    pub stop: CancellationToken,
    /// Ends them too when a start is dropped.
    _stop_on_drop: DropGuard,
}

impl Begun {
    pub fn nothing() -> Self {
        let stop = CancellationToken::new();
        Self {
            subscribers: None,
            pools: Vec::new(),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        }
    }

    /// Ends the subscribers, then closes the connections.
    pub async fn end(self) {
        self.stop.cancel();
        if let Some(subscribers) = self.subscribers {
            subscribers.ended().await;
        }
        let closing = self.pools.iter().map(PgPool::close);
        if tokio::time::timeout(LAST_QUERIES, join_all(closing))
            .await
            .is_err()
        {
            tracing::warn!("queries were still running at the end");
        }
    }
}
