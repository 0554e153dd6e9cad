//! The leases of the attempts that this worker holds, on the monotonic clock: it goes on
//! while the process is stopped, so that a process that slept past a lease knows it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{capacity::Held, queue::Job};
use tokio::time::Instant;

/// The margin before its end at which a lease is not relied on: the database's clock may
/// differ.
const MARGIN: Duration = Duration::from_millis(500);

/// The leases of the attempts in flight.
#[derive(Debug, Default)]
pub struct Leases(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    leases: HashMap<i64, Lease>,
    /// The attempts in flight by service.
    held: HashMap<i32, Held>,
}

#[derive(Clone, Debug)]
struct Lease {
    transmission: i64,
    token: String,
    until: Instant,
    service: i32,
    /// True if the attempt belongs to a campaign.
    bulk: bool,
}

impl Leases {
    /// Adds an attempt in flight. False if it is in flight already: then only its
    /// lease was renewed under a new token.
    pub fn take(&self, job: &Job, until: Instant) -> bool {
        let lease = Lease {
            transmission: job.transmission_id,
            token: job.claim_token.clone(),
            until,
            service: i32::from(job.service),
            bulk: job.campaign_id.is_some(),
        };
        let mut state = self.lock();
        let held = state.held.entry(lease.service).or_default();
        held.all += 1;
        held.bulk += usize::from(lease.bulk);
        let before = state.leases.insert(job.spool_id, lease);
        state.forget(before.as_ref());
        before.is_none()
    }

    /// Removes the lease of an attempt.
    pub fn drop(&self, spool: i64) {
        let mut state = self.lock();
        let lease = state.leases.remove(&spool);
        state.forget(lease.as_ref());
    }

    /// True if the lease can be relied on now.
    pub fn is_sound(&self, spool: i64) -> bool {
        let soon = Instant::now() + MARGIN;
        self.lock()
            .leases
            .get(&spool)
            .is_some_and(|lease| lease.until > soon)
    }

    /// True if the lease of an attempt in flight has ended.
    pub fn has_run_out(&self, spool: i64) -> bool {
        let state = self.lock();
        let lease = state.leases.get(&spool);
        lease.is_some_and(|lease| lease.until <= Instant::now())
    }

    /// The token (a fencing token) that an attempt is held under.
    pub fn token(&self, spool: i64) -> Option<String> {
        let state = self.lock();
        state.leases.get(&spool).map(|lease| lease.token.clone())
    }

    /// The attempts in flight, by token.
    pub fn by_token(&self) -> HashMap<String, Vec<i64>> {
        let mut tokens: HashMap<String, Vec<i64>> = HashMap::new();
        for (spool, lease) in &self.lock().leases {
            tokens.entry(lease.token.clone()).or_default().push(*spool);
        }
        tokens
    }

    /// Extends the leases that the database renewed under this token.
    pub fn renewed(&self, spools: &[i64], token: &str, until: Instant) {
        let mut state = self.lock();
        for spool in spools {
            if let Some(lease) = state.leases.get_mut(spool)
                && lease.token == token
            {
                lease.until = until;
            }
        }
    }

    /// The number of attempts of a service that are in flight.
    pub fn held(&self, service: i32) -> Held {
        self.lock().held.get(&service).copied().unwrap_or_default()
    }

    /// The attempts in flight, each with its transmission.
    pub fn in_flight(&self) -> Vec<(i64, i64)> {
        let state = self.lock();
        let leases = state.leases.iter();
        leases
            .map(|(spool, lease)| (*spool, lease.transmission))
            .collect()
    }

    /// The number of attempts in flight.
    pub fn len(&self) -> usize {
        self.lock().leases.len()
    }

    /// True if no attempt is in flight.
    pub fn is_empty(&self) -> bool {
        self.lock().leases.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts an attempt no longer.
    fn forget(&mut self, lease: Option<&Lease>) {
        let Some(lease) = lease else { return };
        if let Some(held) = self.held.get_mut(&lease.service) {
            held.all = held.all.saturating_sub(1);
            held.bulk = held.bulk.saturating_sub(usize::from(lease.bulk));
        }
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

    #[tokio::test]
    async fn attempts_are_counted_by_service() {
        let leases = Leases::default();
        let later = Instant::now() + Duration::from_secs(10);
        let of = |spool_id: i64, service: i16, campaign_id: Option<i64>| Job {
            spool_id,
            service,
            campaign_id,
            ..job("a")
        };
        for job in [of(1, 1, None), of(2, 1, Some(7)), of(3, 8, None)] {
            leases.take(&job, later);
            leases.take(&job, later);
        }
        assert_eq!(leases.held(1), Held { all: 2, bulk: 1 });
        assert_eq!(leases.held(8), Held { all: 1, bulk: 0 });
        leases.drop(2);
        leases.drop(2);
        assert_eq!(leases.held(1), Held { all: 1, bulk: 0 });
        assert_eq!(leases.held(4), Held::default());
    }
}
