//! A fair concurrency limit: a bounded number of turns at a time, handed out in rotation over
//! the keys (such as a user or a network) of those who wait.
//!
//! In a single queue a crowd under one key would delay all others; here each key has its own
//! queue, and a key may be kept from having all turns at once. The queues are bounded, for each
//! key and in total.
//!
//! Nothing here knows what a turn is for. To limit one more kind of work: a [`Turns`] with its own
//! [`Bounds`], and a gauge of its own.

mod queue;

use std::{
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::timeout;

use queue::Queue;

/// Limits on the turns and on the queues.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The most turns at a time.
    pub at_once: usize,
    /// The most turns at a time under one key.
    pub at_once_per_key: usize,
    /// The most waiters under one key.
    pub waiting_per_key: usize,
    /// The most waiters in total.
    pub waiting: usize,
    /// The longest wait for a turn.
    pub timeout: Duration,
    /// The name of the gauge of waiters.
    pub gauge: &'static str,
}

/// The refusal of a turn: too many waiters, or the wait took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// Hands out turns. Clones share them.
#[derive(Debug)]
pub struct Turns<K: Hash + Eq + Clone> {
    queue: Arc<Mutex<Queue<K>>>,
    timeout: Duration,
}

/// A turn; it ends when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn<K: Hash + Eq + Clone>(Option<(Turns<K>, K)>);

impl<K: Hash + Eq + Clone> Clone for Turns<K> {
    fn clone(&self) -> Self {
        Self {
            queue: Arc::clone(&self.queue),
            timeout: self.timeout,
        }
    }
}

impl<K: Hash + Eq + Clone> Turns<K> {
    /// Turns within these bounds; limits of turns below 1 count as 1.
    pub fn new(bounds: Bounds) -> Self {
        Self {
            queue: Arc::new(Mutex::new(Queue::new(bounds))),
            timeout: bounds.timeout,
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Busy`], at once if too many wait, or after the time-out.
    pub async fn take(&self, key: K) -> Result<Turn<K>, Busy> {
        let entered = self.lock().enter(&key)?;
        let Some(turn) = entered else {
            return Ok(self.turn(key));
        };
        // A turn that comes too late ends with the channel it is in.
        match timeout(self.timeout, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Busy),
        }
    }

    /// True if another waiter under this key would be refused at once.
    #[cfg(test)]
    fn is_full(&self, key: &K) -> bool {
        self.lock().is_full(key)
    }

    fn turn(&self, key: K) -> Turn<K> {
        Turn(Some((self.clone(), key)))
    }

    fn lock(&self) -> MutexGuard<'_, Queue<K>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes back a turn, and hands out all turns that are available.
    fn give_back(&self, key: &K) {
        let mut queue = self.lock();
        queue.give_back(key);
        while let Some((key, next)) = queue.next() {
            if let Err(mut unsent) = next.send(self.turn(key)) {
                // The waiter has gone. The turn is disarmed: its drop would take the lock again.
                if let Some((_, key)) = unsent.0.take() {
                    queue.give_back(&key);
                }
            }
        }
    }
}

impl<K: Hash + Eq + Clone> Drop for Turn<K> {
    fn drop(&mut self) {
        if let Some((turns, key)) = self.0.take() {
            turns.give_back(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use tokio::time::sleep;

    use super::*;

    const WORK: Duration = Duration::from_millis(50);

    fn turns(at_once: usize, at_once_per_key: usize) -> Turns<u8> {
        Turns::new(Bounds {
            at_once,
            at_once_per_key,
            waiting_per_key: 100,
            waiting: 1_000,
            timeout: Duration::from_secs(10),
            gauge: "waiting",
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_holds_up_its_own_key_only() {
        let turns = turns(1, 1);
        let order = Mutex::new(Vec::new());
        let work = async |key: u8| {
            let turn = turns.take(key).await?;
            sleep(WORK).await;
            order.lock().unwrap().push(key);
            drop(turn);
            Ok::<_, Busy>(())
        };
        let crowd = join_all((0..100).map(|_| work(1)));
        let others = async {
            sleep(Duration::from_millis(1)).await;
            tokio::join!(work(2), work(3))
        };
        let (crowd, others) = tokio::join!(crowd, others);
        assert!(crowd.iter().all(Result::is_ok));
        assert!(others.0.is_ok() && others.1.is_ok());
        let order = order.into_inner().unwrap();
        assert_eq!(order[..4], [1, 1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_key_never_has_all_turns() {
        let turns = turns(3, 2);
        let held = [turns.take(1).await.unwrap(), turns.take(1).await.unwrap()];
        let third = timeout(WORK, turns.take(1)).await;
        assert!(third.is_err(), "a third turn under one key");
        let other = timeout(WORK, turns.take(2)).await.unwrap().unwrap();
        drop(held);
        let again = join_all([turns.take(1), turns.take(1)]);
        let again = timeout(WORK, again).await.unwrap();
        assert!(again.iter().all(Result::is_ok));
        drop(other);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_permit_is_bounded() {
        let turns = turns(1, 1);
        let held = turns.take(0).await.unwrap();
        let crowd = join_all((0..110).map(|_| turns.take(1)));
        let refused = crowd.await.into_iter().filter(Result::is_err).count();
        assert_eq!(refused, 110);
        // Waiters that went away take no room.
        assert!(!turns.is_full(&1));
        let again = async { turns.take(1).await.is_ok() };
        let release = async {
            sleep(WORK).await;
            drop(held);
        };
        assert!(tokio::join!(again, release).0);
        assert!(turns.take(2).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_line_is_told_before_one_waits() {
        let turns = turns(1, 1);
        let _held = turns.take(0).await.unwrap();
        let crowd = join_all((0..100).map(|_| turns.take(1)));
        let beyond = async {
            sleep(WORK).await;
            (turns.is_full(&1), turns.is_full(&2))
        };
        tokio::select! {
            _ = crowd => panic!("no turn is free"),
            full = beyond => assert_eq!(full, (true, false)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_of_who_went_away_is_not_lost() {
        let turns = turns(1, 1);
        for _ in 0..3 {
            let held = turns.take(0).await.unwrap();
            let gone = timeout(WORK, turns.take(1)).await;
            assert!(gone.is_err());
            drop(held);
        }
        assert!(turns.take(0).await.is_ok());
    }
}
