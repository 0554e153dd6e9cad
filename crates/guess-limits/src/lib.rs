//! Limits on wrong guesses at secrets: a token bucket for each key, such as a client's
//! address, with a short waiting line.
//!
//! An attempt takes a token before it is checked. A right guess gives the token back, so that
//! only wrong guesses are limited. If no token is left, an attempt waits until one comes back or
//! the bucket refills: the right secret is still accepted, at the pace at which guesses are
//! checked. Attempts of a lower rank go first, so that clients that have not failed are served
//! before those that have; an attempt that would have to wait too long is refused at once.
//!
//! All is bounded: the keys, by a cache that evicts those not used lately, and the line of each
//! key.
//!
//! Nothing here knows the secret or where the client comes from. To limit guesses at one more kind
//! of secret: a [`GuessLimits`] with its own key.

mod bucket;

use std::{
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quick_cache::sync::Cache;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use bucket::{Bucket, Ticket};

/// The most keys that are remembered.
const KEYS: usize = 65_536;
/// Time limit of an attempt's wait for its turn.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A token bucket for each key. Clones share them.
#[derive(Debug)]
pub struct GuessLimits<K> {
    allowed: u32,
    within: Duration,
    buckets: Arc<Cache<K, Arc<Shared>>>,
}

#[derive(Debug)]
struct Shared(Mutex<Bucket>);

/// The permit to check one guess. Dropped without a verdict, it gives its token back.
#[derive(Debug)]
#[must_use]
pub struct Guess {
    shared: Arc<Shared>,
    is_wrong: bool,
}

/// Too many guesses were wrong, and too many wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// The time after which a retry makes sense.
    pub retry_after: Duration,
}

impl<K> Clone for GuessLimits<K> {
    fn clone(&self) -> Self {
        Self {
            allowed: self.allowed,
            within: self.within,
            buckets: Arc::clone(&self.buckets),
        }
    }
}

impl<K: Hash + Eq + Clone> GuessLimits<K> {
    /// Allows `allowed` wrong guesses at once for each key, and as many again in each period of
    /// `within`, spread evenly.
    pub fn new(allowed: u32, within: Duration) -> Self {
        Self {
            allowed,
            within,
            buckets: Arc::new(Cache::new(KEYS)),
        }
    }

    /// Waits for the turn of a guess; `rank` is the number of earlier failures of the client.
    ///
    /// # Errors
    /// [`TooMany`] where the wait would be long, or was.
    pub async fn admit(&self, key: &K, rank: u32) -> Result<Guess, TooMany> {
        let fresh = || {
            let bucket = Bucket::new(self.allowed, self.within, Instant::now());
            Ok::<_, std::convert::Infallible>(Arc::new(Shared(Mutex::new(bucket))))
        };
        let Ok(shared) = self.buckets.get_or_insert_with(key, fresh);
        shared.admit(rank).await
    }
}

impl Shared {
    async fn admit(self: Arc<Self>, rank: u32) -> Result<Guess, TooMany> {
        let start = Instant::now();
        let until = start + TIMEOUT;
        let woken = Arc::new(Notify::new());
        let entered = self.lock().enter(rank, start, TIMEOUT, Arc::clone(&woken));
        let Some(ticket) = entered.map_err(too_many)? else {
            return Ok(self.guess());
        };
        let waiting = Waiting {
            shared: &self,
            ticket,
        };
        loop {
            let wake = {
                let (mut bucket, now) = (self.lock(), Instant::now());
                if bucket.take_turn(ticket, now) {
                    break;
                }
                if now >= until || !bucket.is_waiting(ticket) {
                    return Err(too_many(bucket.next_token(now)));
                }
                bucket
                    .wakes_at(ticket, now)
                    .map_or(until, |at| at.min(until))
            };
            tokio::select! {
                () = woken.notified() => {}
                () = sleep_until(wake) => {}
            }
        }
        drop(waiting);
        Ok(self.guess())
    }

    fn guess(self: Arc<Self>) -> Guess {
        Guess {
            shared: self,
            is_wrong: false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Bucket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guess {
    /// Reports that the guess was wrong: its token is spent.
    pub fn wrong(mut self) {
        self.is_wrong = true;
    }
}

impl Drop for Guess {
    fn drop(&mut self) {
        let is_wrong = self.is_wrong;
        self.shared.lock().end(is_wrong, Instant::now());
    }
}

/// A place in the line, given up when it is dropped.
struct Waiting<'s> {
    shared: &'s Shared,
    ticket: Ticket,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.lock().leave(self.ticket);
    }
}

fn too_many(retry_after: Duration) -> TooMany {
    TooMany {
        retry_after: retry_after.max(Duration::from_secs(1)),
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn limits(allowed: u32) -> GuessLimits<&'static str> {
        GuessLimits::new(allowed, MINUTE)
    }

    async fn wrong(limits: &GuessLimits<&'static str>, key: &'static str) -> bool {
        let admitted = limits.admit(&key, 0).await;
        admitted.map(Guess::wrong).is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn only_wrong_guesses_are_limited() {
        let limits = limits(3);
        let start = Instant::now();
        for _ in 0..100 {
            drop(limits.admit(&"here", 0).await.unwrap());
        }
        for _ in 0..3 {
            assert!(wrong(&limits, "here").await);
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(limits.admit(&"here", 0).await.is_err(), "20 s are too long");
        assert!(wrong(&limits, "there").await, "another key");
    }

    #[tokio::test(start_paused = true)]
    async fn the_bucket_refills_evenly() {
        let limits = limits(30);
        for _ in 0..30 {
            assert!(wrong(&limits, "here").await);
        }
        let start = Instant::now();
        for _ in 0..10 {
            assert!(wrong(&limits, "here").await);
        }
        let paced = start.elapsed();
        assert!(paced >= Duration::from_secs(20), "{paced:?}");
        assert!(paced <= Duration::from_secs(21), "{paced:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_guesses_is_counted_one_by_one() {
        let limits = limits(30);
        let crowd = (0..1_000).map(|_| wrong(&limits, "here"));
        let checked = join_all(crowd).await;
        let checked = checked.into_iter().filter(|admitted| *admitted).count();
        assert!((30..=36).contains(&checked), "{checked}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_of_right_guesses_waits_for_no_refill() {
        let limits = limits(2);
        let start = Instant::now();
        let crowd = (0..500).map(|_| async {
            let guess = limits.admit(&"here", 0).await?;
            tokio::time::sleep(Duration::from_millis(10)).await;
            drop(guess);
            Ok::<_, TooMany>(())
        });
        assert!(join_all(crowd).await.iter().all(Result::is_ok));
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_without_failures_go_first() {
        let limits = limits(30);
        for _ in 0..30 {
            assert!(wrong(&limits, "here").await);
        }
        let failed = (0..5_000).map(|_| limits.admit(&"here", 7));
        let failed = failed.map(|admitted| async { admitted.await.map(Guess::wrong) });
        let first = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let start = Instant::now();
            let admitted = limits.admit(&"here", 0).await;
            (admitted.is_ok(), start.elapsed())
        };
        let (_, (admitted, waited)) = tokio::join!(join_all(failed), first);
        assert!(admitted);
        assert!(waited <= Duration::from_secs(2), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_waiter_leaves_the_queue() {
        let limits = limits(10);
        for _ in 0..10 {
            assert!(wrong(&limits, "here").await);
        }
        let impatient = tokio::time::timeout(Duration::from_secs(1), limits.admit(&"here", 0));
        assert!(impatient.await.is_err());
        let start = Instant::now();
        assert!(wrong(&limits, "here").await);
        assert!(start.elapsed() <= Duration::from_secs(6));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_says_when_to_try_again() {
        let limits = limits(1);
        assert!(wrong(&limits, "here").await);
        let refused = limits.admit(&"here", 0).await.unwrap_err();
        assert!(refused.retry_after > Duration::from_secs(50));
        assert!(refused.retry_after <= MINUTE + Duration::from_millis(10));
        tokio::time::advance(refused.retry_after).await;
        assert!(wrong(&limits, "here").await);
    }
}
