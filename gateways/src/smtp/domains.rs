//! Concurrency limits by recipient domain: large receivers defer mails of clients that open
//! too many connections at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The number of domains above which those not in use are dropped.
const KEPT: usize = 1_024;

/// Limits the mails in flight to each domain.
#[derive(Debug)]
pub(super) struct Domains {
    most: usize,
    each: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Domains {
    /// Creates limits of `most` mails for each domain.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            each: Mutex::default(),
        }
    }

    /// Waits for a permit for a mail to this domain.
    pub async fn place(&self, domain: &str) -> Option<OwnedSemaphorePermit> {
        let places = {
            let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
            if each.len() > KEPT {
                each.retain(|_, places| places.available_permits() < self.most);
            }
            let places = each
                .entry(domain.to_lowercase())
                .or_insert_with(|| Arc::new(Semaphore::new(self.most)));
            Arc::clone(places)
        };
        places.acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_domain_has_its_places_and_no_more() {
        let domains = Domains::new(2);
        let wait = Duration::from_secs(1);
        let first = domains.place("a.example").await;
        let _second = domains.place("A.example").await;
        assert!(timeout(wait, domains.place("a.example")).await.is_err());
        assert!(timeout(wait, domains.place("b.example")).await.is_ok());
        drop(first);
        assert!(timeout(wait, domains.place("a.example")).await.is_ok());
    }

    #[tokio::test]
    async fn those_in_use_are_kept() {
        let domains = Domains::new(1);
        let _held = domains.place("held.example").await;
        for number in 0..2 * KEPT {
            drop(domains.place(&format!("d{number}.example")).await);
        }
        assert!(domains.each.lock().unwrap().len() <= KEPT + 1);
        let wait = Duration::from_millis(10);
        assert!(timeout(wait, domains.place("held.example")).await.is_err());
    }
}
