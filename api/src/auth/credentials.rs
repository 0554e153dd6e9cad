//! Cache of passwords that were verified within the last minute.
//!
//! A client that sends Basic with every request would have each of them hashed for fifty
//! milliseconds. The cache holds keyed hashes under a key that never leaves this process; the token
//! epoch is part of each, so that a password change ends it.

use std::{sync::Arc, time::Duration};

use domain::{Id, access::User};
use hmac::{Hmac, KeyInit, Mac};
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use tokio::time::Instant;

use crate::{Error, Result};

const GOOD_FOR: Duration = Duration::from_secs(60);
const KEPT: usize = 4_096;

/// The cache of verified passwords. Clones share it.
#[derive(Clone)]
pub(crate) struct Credentials {
    key: Hmac<Sha256>,
    verified: Arc<Cache<[u8; 32], Instant>>,
}

impl Credentials {
    pub fn new() -> Result<Self> {
        let mut key = [0_u8; 32];
        getrandom::fill(&mut key).map_err(|_| Error::Internal)?;
        Ok(Self {
            key: Hmac::new_from_slice(&key).map_err(|_| Error::Internal)?,
            verified: Arc::new(Cache::new(KEPT)),
        })
    }

    /// True if this password was verified for the user in this epoch within the last minute.
    pub fn knows(&self, user: Id<User>, epoch: u32, password: &SecretString) -> bool {
        let verified = self.verified.get(&self.mark(user, epoch, password));
        verified.is_some_and(|at| at.elapsed() < GOOD_FOR)
    }

    /// Remembers that this password was verified.
    pub fn remember(&self, user: Id<User>, epoch: u32, password: &SecretString) {
        let mark = self.mark(user, epoch, password);
        self.verified.insert(mark, Instant::now());
    }

    fn mark(&self, user: Id<User>, epoch: u32, password: &SecretString) -> [u8; 32] {
        let mut mac = self.key.clone();
        mac.update(&user.get().to_le_bytes());
        mac.update(&epoch.to_le_bytes());
        mac.update(password.expose_secret().as_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_credential_is_remembered_for_a_minute_and_for_one_epoch() {
        let credentials = Credentials::new().unwrap();
        let (ada, secret) = (Id::new(1), SecretString::from("hunter2"));
        credentials.remember(ada, 0, &secret);
        assert!(credentials.knows(ada, 0, &secret));
        assert!(
            !credentials.knows(ada, 1, &secret),
            "the password was changed"
        );
        assert!(!credentials.knows(Id::new(2), 0, &secret), "somebody else");
        assert!(!credentials.knows(ada, 0, &SecretString::from("hunter")));
        tokio::time::advance(GOOD_FOR).await;
        assert!(!credentials.knows(ada, 0, &secret));
    }
}
