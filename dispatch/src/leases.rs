//! The leases of the attempts that this worker holds, on the monotonic clock: it goes on
//! while the process is stopped, so that a process that slept past a lease knows it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::queue::Job;
use tokio::time::Instant;

/// The margin before its end at which a lease is not relied on: the database's clock may
/// differ.
const MARGIN: Duration = Duration::from_millis(500);

/// The leases of the attempts in flight.
#[derive(Debug, Default)]
pub struct Leases(Mutex<HashMap<i64, Lease>>);

#[derive(Clone, Debug)]
struct Lease {
    token: String,
    until: Instant,
    /// True if the attempt belongs to a campaign.
    bulk: bool,
}

impl Leases {
    /// Adds an attempt in flight. False if it is in flight already: then only its
    /// lease was renewed under a new token.
    pub fn take(&self, job: &Job, until: Instant) -> bool {
        let lease = Lease {
            token: job.claim_token.clone(),
            until,
            bulk: job.campaign_id.is_some(),
        };
        self.lock().insert(job.spool_id, lease).is_none()
    }

    /// Removes the lease of an attempt.
    pub fn drop(&self, spool: i64) {
        self.lock().remove(&spool);
    }

    /// True if the lease can be relied on now.
    pub fn is_sound(&self, spool: i64) -> bool {
        let soon = Instant::now() + MARGIN;
        self.lock()
            .get(&spool)
            .is_some_and(|lease| lease.until > soon)
    }

    /// The token (a fencing token) that an attempt is held under.
    pub fn token(&self, spool: i64) -> Option<String> {
        self.lock().get(&spool).map(|lease| lease.token.clone())
    }

    /// The attempts in flight, by token.
    pub fn by_token(&self) -> HashMap<String, Vec<i64>> {
        let mut tokens: HashMap<String, Vec<i64>> = HashMap::new();
        for (spool, lease) in self.lock().iter() {
            tokens.entry(lease.token.clone()).or_default().push(*spool);
        }
        tokens
    }

    /// Extends the leases that the database renewed under this token.
    pub fn renewed(&self, spools: &[i64], token: &str, until: Instant) {
        let mut leases = self.lock();
        for spool in spools {
            if let Some(lease) = leases.get_mut(spool)
                && lease.token == token
            {
                lease.until = until;
            }
        }
    }

    /// The number of attempts in flight that belong to campaigns.
    pub fn bulk(&self) -> usize {
        self.lock().values().filter(|lease| lease.bulk).count()
    }

    /// The number of attempts in flight.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True if no attempt is in flight.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn job(token: &str) -> Job {
        Job {
            spool_id: 1,
            transmission_id: 1,
            owner_id: Some(1),
            campaign_id: None,
            service: 8,
            due_at: DateTime::default(),
            deadline: DateTime::default(),
            avoid: Vec::new(),
            attempt: 1,
            request_id: None,
            correlation_id: None,
            position: 1,
            claim_token: token.to_owned(),
            lease_until: DateTime::default(),
            reclaimed: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_near_its_end_does_not_count() {
        let leases = Leases::default();
        assert!(leases.take(&job("a"), Instant::now() + Duration::from_secs(2)));
        assert!(leases.is_sound(1));
        tokio::time::advance(Duration::from_millis(1_600)).await;
        assert!(!leases.is_sound(1));
    }

    #[tokio::test]
    async fn an_attempt_is_taken_in_hand_once() {
        let leases = Leases::default();
        let later = Instant::now() + Duration::from_secs(10);
        assert!(leases.take(&job("a"), later));
        assert!(!leases.take(&job("b"), later));
        assert_eq!(leases.token(1).as_deref(), Some("b"));
    }
}
