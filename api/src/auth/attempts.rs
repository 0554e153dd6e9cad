//! Failed logins, counted per user and client, so that passwords cannot be tried out.

use std::{net::IpAddr, sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

use crate::{Error, Result};

/// Within which time failures add up.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// How many pairs of user and client are remembered.
const KEPT: usize = 65_536;

/// Counts failed logins.
#[derive(Clone)]
pub(crate) struct Attempts {
    allowed: u32,
    known: Arc<Cache<Key, Arc<Mutex<Window>>>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    login: String,
    client: Option<IpAddr>,
}

#[derive(Default)]
struct Window {
    failures: u32,
    since: Option<Instant>,
}

/// Leave to try one password. While it is held, nobody else tries one for the same
/// user from the same place: a hundred guesses at once are counted as a hundred.
pub(crate) struct Attempt(OwnedMutexGuard<Window>);

impl Attempts {
    /// So many failures within five minutes are allowed.
    pub fn new(allowed: u32) -> Self {
        Self {
            allowed,
            known: Arc::new(Cache::new(KEPT)),
        }
    }

    /// Waits for its turn; refused where too many have failed.
    pub async fn begin(&self, login: &str, client: Option<IpAddr>) -> Result<Attempt> {
        let key = Key {
            login: login.to_owned(),
            client,
        };
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::default());
        let Ok(window) = self.known.get_or_insert_with(&key, fresh);
        let mut window = window.lock_owned().await;
        if let Some(since) = window.since {
            let left = WINDOW.saturating_sub(since.elapsed());
            if left.is_zero() {
                *window = Window::default();
            } else if window.failures >= self.allowed {
                return Err(Error::TooMany(left));
            }
        }
        Ok(Attempt(window))
    }
}

impl Attempt {
    /// It was the right password.
    pub fn succeeded(mut self) {
        *self.0 = Window::default();
    }

    /// It was not.
    pub fn failed(mut self) {
        self.0.since.get_or_insert_with(Instant::now);
        self.0.failures += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> Option<IpAddr> {
        "203.0.113.7".parse().ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_eleventh_attempt_is_refused_and_a_later_one_is_not() {
        let attempts = Attempts::new(10);
        for _ in 0..10 {
            attempts.begin("ada", home()).await.unwrap().failed();
        }
        let refused = attempts.begin("ada", home()).await.err().unwrap();
        assert!(matches!(refused, Error::TooMany(left) if left <= WINDOW));
        assert!(attempts.begin("bob", home()).await.is_ok(), "another user");
        assert!(attempts.begin("ada", None).await.is_ok(), "another client");
        tokio::time::advance(WINDOW).await;
        assert!(attempts.begin("ada", home()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_starts_the_count_anew() {
        let attempts = Attempts::new(2);
        attempts.begin("ada", None).await.unwrap().failed();
        attempts.begin("ada", None).await.unwrap().succeeded();
        attempts.begin("ada", None).await.unwrap().failed();
        assert!(attempts.begin("ada", None).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_at_the_same_time_are_counted_one_by_one() {
        let attempts = Attempts::new(3);
        let guesses = (0..50).map(|_| async {
            let attempt = attempts.begin("ada", None).await?;
            tokio::task::yield_now().await;
            attempt.failed();
            Ok::<(), Error>(())
        });
        let tried = futures::future::join_all(guesses).await;
        assert_eq!(tried.iter().filter(|tried| tried.is_ok()).count(), 3);
    }
}
