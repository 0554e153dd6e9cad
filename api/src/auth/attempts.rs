//! Failed logins, counted by the name as it was typed and by the client's network.
//!
//! The typed name counts, not the user whom it names: if a user's username and email address were
//! locked together, the lock of one would reveal that the other belongs to it.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{Id, access::User};
use quick_cache::sync::Cache;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

use crate::{Error, Result};

/// The time within which failures add up.
pub(super) const WINDOW: Duration = Duration::from_secs(5 * 60);
/// The time for which a name counts as familiar after it logged in from a network.
const FAMILIAR: Duration = Duration::from_secs(24 * 60 * 60);
/// The most pairs of name and network that are remembered.
const KEPT: usize = 65_536;

/// Counts failed logins, and remembers where names log in from.
#[derive(Clone)]
pub(crate) struct Attempts {
    allowed: u32,
    hasher: RandomState,
    failed: Arc<Cache<Key, Arc<Pair>>>,
    familiar: Arc<Cache<Key, Instant>>,
}

/// A name as it was typed, the user whom it names, and a client's network: hashed, under a
/// key of this process, so that long names take no memory. A user who is given the name of
/// another later has another key, and no lock is inherited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64);

#[derive(Default)]
struct Pair {
    turn: Arc<Mutex<()>>,
    window: StdMutex<Window>,
}

#[derive(Clone, Copy, Default)]
struct Window {
    failures: u32,
    since: Option<Instant>,
}

/// Permission to try one password. While it is held, another attempt for the same name from the
/// same network waits: a hundred guesses at once are counted as a hundred.
pub(crate) struct Attempt {
    pair: Arc<Pair>,
    _turn: OwnedMutexGuard<()>,
}

impl Attempts {
    /// Allows this many failures within five minutes.
    pub fn new(allowed: u32) -> Self {
        Self {
            allowed,
            hasher: RandomState::new(),
            failed: Arc::new(Cache::new(KEPT)),
            familiar: Arc::new(Cache::new(KEPT)),
        }
    }

    /// The key under which the failures of a name from a network are counted.
    pub fn key(&self, login: &str, user: Option<Id<User>>, network: Option<IpAddr>) -> Key {
        let user = user.map(Id::get);
        Key(self.hasher.hash_one((login, user, network)))
    }

    /// The number of recent failures of the name; an error if there are too many.
    pub fn failures(&self, key: Key) -> Result<u32> {
        match self.failed.get(&key) {
            Some(pair) => pair.failures(self.allowed),
            None => Ok(0),
        }
    }

    /// Waits for the turn of the name and network; an error if too many attempts have failed.
    pub async fn begin(&self, key: Key) -> Result<Attempt> {
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::default());
        let Ok(pair) = self.failed.get_or_insert_with(&key, fresh);
        let turn = Arc::clone(&pair.turn).lock_owned().await;
        pair.failures(self.allowed)?;
        Ok(Attempt { pair, _turn: turn })
    }

    /// True if the name logged in from this network lately.
    pub fn is_familiar(&self, key: Key) -> bool {
        let at = self.familiar.get(&key);
        at.is_some_and(|at| at.elapsed() < FAMILIAR)
    }

    /// Remembers that the name logged in from this network.
    pub fn remember(&self, key: Key) {
        self.familiar.insert(key, Instant::now());
    }
}

impl Pair {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failures(&self, allowed: u32) -> Result<u32> {
        let mut window = self.window();
        let left = window.since.map(|at| WINDOW.saturating_sub(at.elapsed()));
        match left {
            Some(Duration::ZERO) => *window = Window::default(),
            Some(left) if window.failures >= allowed => return Err(Error::too_many_logins(left)),
            _ => {}
        }
        Ok(window.failures)
    }
}

impl Attempt {
    /// Records that the password was right, which forgets the failures.
    pub fn succeeded(self) {
        *self.pair.window() = Window::default();
    }

    /// Records that the password was wrong.
    pub fn failed(self) {
        let mut window = self.pair.window();
        window.since.get_or_insert_with(Instant::now);
        window.failures += 1;
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
        let key = |login| attempts.key(login, Some(Id::new(1)), home());
        let ada = key("ada");
        for _ in 0..10 {
            attempts.begin(ada).await.unwrap().failed();
        }
        let refused = attempts.begin(ada).await.err().unwrap();
        assert!(matches!(refused, Error::TooMany { retry_after, .. } if retry_after <= WINDOW));
        assert!(attempts.failures(ada).is_err());
        let elsewhere = attempts.key("ada", Some(Id::new(1)), None);
        let namesake = attempts.key("ada", Some(Id::new(2)), home());
        for other in [key("ada@example.com"), elsewhere, namesake] {
            assert!(attempts.begin(other).await.is_ok());
        }
        tokio::time::advance(WINDOW).await;
        assert!(attempts.begin(ada).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_starts_the_count_anew() {
        let attempts = Attempts::new(2);
        let ada = attempts.key("ada", None, None);
        attempts.begin(ada).await.unwrap().failed();
        assert_eq!(attempts.failures(ada), Ok(1));
        attempts.begin(ada).await.unwrap().succeeded();
        attempts.begin(ada).await.unwrap().failed();
        assert!(attempts.begin(ada).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_at_the_same_time_are_counted_one_by_one() {
        let attempts = Attempts::new(3);
        let ada = attempts.key("ada", None, None);
        let guesses = (0..50).map(|_| async {
            let attempt = attempts.begin(ada).await?;
            tokio::task::yield_now().await;
            attempt.failed();
            Ok::<(), Error>(())
        });
        let tried = futures::future::join_all(guesses).await;
        assert_eq!(tried.iter().filter(|tried| tried.is_ok()).count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_familiar_for_a_day_where_it_logged_in() {
        let attempts = Attempts::new(3);
        let (ada, other) = (
            attempts.key("ada", Some(Id::new(1)), home()),
            attempts.key("ada", Some(Id::new(1)), None),
        );
        attempts.remember(ada);
        assert!(attempts.is_familiar(ada) && !attempts.is_familiar(other));
        tokio::time::advance(FAMILIAR).await;
        assert!(!attempts.is_familiar(ada));
    }
}
