//! Passwords: Argon2id, off the async threads, a bounded number at a time.

use std::sync::{Arc, OnceLock};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use domain::{Id, access::User, values::Sealed};
use eventstore::Vault;
use secrecy::{ExposeSecret, SecretString};

use super::hash_queue::{HashQueue, Network};
use crate::{Error, Result};

/// Hashes and verifies passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    vault: Vault,
    queue: HashQueue,
    /// The hash verified against if there is no such user, so that this takes as long.
    nobody: Arc<OnceLock<String>>,
}

impl Passwords {
    /// Hashes one password at a time for each processor: each takes 19 MiB.
    pub fn new(vault: Vault) -> Result<Self> {
        let at_a_time = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            vault,
            queue: HashQueue::new(at_a_time),
            nobody: Arc::default(),
        })
    }

    /// A password's hash, sealed for this user; queued by the client's network.
    pub async fn seal(
        &self,
        user: Id<User>,
        password: &SecretString,
        network: Network,
    ) -> Result<Sealed> {
        let password = password.clone();
        let work = move || hash(password.expose_secret().as_bytes());
        let hash = self.queued(network, work).await??;
        Ok(self.vault.seal(&context(user), hash.as_bytes())?)
    }

    /// True if this is the user's password; `None` stands for a user that does not exist.
    pub async fn verify(
        &self,
        user: Option<(Id<User>, &Sealed)>,
        password: &SecretString,
        network: Network,
    ) -> Result<bool> {
        let stored = match user {
            Some((id, sealed)) => Some(self.vault.open(&context(id), sealed)?),
            None => None,
        };
        let (password, nobody) = (password.clone(), Arc::clone(&self.nobody));
        let right = self
            .queued(network, move || {
                // Hashed at the first need, since that takes as much memory as a login.
                let nobody = || nobody.get_or_init(|| hash(b"nobody").unwrap_or_default());
                let stored = match &stored {
                    Some(stored) => std::str::from_utf8(stored).ok(),
                    None => Some(nobody().as_str()),
                };
                let stored = stored.and_then(|text| PasswordHash::new(text).ok());
                stored.is_some_and(|hash| {
                    let password = password.expose_secret().as_bytes();
                    Argon2::default().verify_password(password, &hash).is_ok()
                })
            })
            .await?;
        Ok(right && user.is_some())
    }

    async fn queued<T: Send + 'static>(
        &self,
        network: Network,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let turn = self.queue.take(network).await?;
        // The turn ends with the work, also when the caller has stopped waiting.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| Error::Internal)
    }
}

fn context(user: Id<User>) -> String {
    format!("user/{user}/password")
}

fn hash(password: &[u8]) -> Result<String> {
    let hash = Argon2::default().hash_password(password);
    hash.map(|hash| hash.to_string())
        .map_err(|_| Error::Internal)
}

#[cfg(test)]
mod tests {
    use eventstore::MasterKey;

    use super::*;

    #[tokio::test]
    async fn a_password_is_argon2id_and_bound_to_its_user() {
        let vault = Vault::new(&MasterKey::new([1; 32]));
        let passwords = Passwords::new(vault.clone()).unwrap();
        let (ada, bob) = (Id::new(1), Id::new(2));
        let secret = SecretString::from("hunter2");
        let sealed = passwords.seal(ada, &secret, None).await.unwrap();
        let hash = vault.open("user/1/password", &sealed).unwrap();
        assert!(hash.starts_with(b"$argon2id$"));
        assert!(
            passwords
                .verify(Some((ada, &sealed)), &secret, None)
                .await
                .unwrap()
        );
        let wrong = SecretString::from("Hunter2");
        assert!(
            !passwords
                .verify(Some((ada, &sealed)), &wrong, None)
                .await
                .unwrap()
        );
        assert!(
            passwords
                .verify(Some((bob, &sealed)), &secret, None)
                .await
                .is_err()
        );
        assert!(
            !passwords
                .verify(None, &SecretString::from("nobody"), None)
                .await
                .unwrap()
        );
    }
}
