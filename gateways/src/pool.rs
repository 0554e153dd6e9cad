//! Connections of an adapter, kept open between attempts and each used by one at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout_at},
};

/// A connection that several attempts may use, one after the other.
pub(crate) trait Reusable: Send {
    /// True if the connection may be used again.
    fn is_sound(&self) -> bool;

    /// True if it has been idle for so long that it is not needed.
    fn is_stale(&self) -> bool;

    /// Checks that it is alive, and prepares it for the next attempt.
    fn revive(&mut self, until: Instant) -> impl Future<Output = bool> + Send;
}

/// The connections of one provider, of a bounded number.
#[derive(Debug)]
pub(crate) struct Pool<C> {
    /// One permit for each connection that may exist.
    slots: Semaphore,
    /// A stack: the last connection used is used next, so that those not needed grow stale and are
    /// closed.
    idle: Mutex<Vec<C>>,
}

impl<C: Reusable> Pool<C> {
    /// A pool of at most `size` connections, none of them open yet.
    pub fn new(size: usize) -> Self {
        Self {
            slots: Semaphore::new(size),
            idle: Mutex::default(),
        }
    }

    /// Waits for leave to use a connection; `None` if it does not come in time, or the pool is
    /// closed.
    pub async fn slot(&self, until: Instant) -> Option<SemaphorePermit<'_>> {
        timeout_at(until, self.slots.acquire()).await.ok()?.ok()
    }

    /// An idle connection that is alive, if there is one. Whoever has a slot and gets none may
    /// open one.
    pub async fn idle(&self, until: Instant) -> Option<C> {
        loop {
            let mut connection = self.lock().pop()?;
            if connection.revive(until).await {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next attempt, if it may be used again.
    pub fn keep(&self, connection: C) {
        if connection.is_sound() && !self.slots.is_closed() {
            let mut idle = self.lock();
            idle.push(connection);
            if idle[0].is_stale() {
                idle.remove(0);
            }
        }
    }

    /// Hands out no slots any more, and returns the idle connections.
    pub fn close(&self) -> Vec<C> {
        self.slots.close();
        std::mem::take(&mut *self.lock())
    }

    /// Locks a mutex, also a poisoned one: the connections are consistent at every moment.
    fn lock(&self) -> MutexGuard<'_, Vec<C>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Duration;

    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Line {
        number: u8,
        is_sound: bool,
        is_stale: bool,
        is_alive: bool,
    }

    impl Reusable for Line {
        fn is_sound(&self) -> bool {
            self.is_sound
        }

        fn is_stale(&self) -> bool {
            self.is_stale
        }

        async fn revive(&mut self, _until: Instant) -> bool {
            self.is_alive
        }
    }

    fn line(number: u8) -> Line {
        Line {
            number,
            is_sound: true,
            is_stale: false,
            is_alive: true,
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(10)
    }

    async fn number(pool: &Pool<Line>) -> Option<u8> {
        pool.idle(soon()).await.map(|line| line.number)
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_connection_used_is_used_next() {
        let pool = Pool::new(2);
        assert_eq!(number(&pool).await, None);
        pool.keep(line(1));
        pool.keep(line(2));
        assert_eq!(number(&pool).await, Some(2));
        assert_eq!(number(&pool).await, Some(1));
        assert_eq!(number(&pool).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn dead_unsound_and_stale_connections_are_dropped() {
        let pool = Pool::new(3);
        let dead = Line {
            is_alive: false,
            ..line(2)
        };
        let unsound = Line {
            is_sound: false,
            ..line(3)
        };
        pool.keep(line(1));
        pool.keep(dead);
        pool.keep(unsound);
        assert_eq!(number(&pool).await, Some(1));
        let stale = Line {
            is_stale: true,
            ..line(4)
        };
        pool.keep(stale);
        pool.keep(line(5));
        assert_eq!(pool.close(), [line(5)]);
    }

    #[tokio::test(start_paused = true)]
    async fn slots_are_bounded_and_end_with_the_pool() {
        let pool = Pool::<Line>::new(1);
        let slot = pool.slot(soon()).await;
        assert!(slot.is_some());
        assert!(pool.slot(soon()).await.is_none());
        drop(slot);
        assert!(pool.slot(soon()).await.is_some());
        pool.close();
        assert!(pool.slot(soon()).await.is_none());
        pool.keep(line(1));
        assert_eq!(pool.close(), []);
    }
}
