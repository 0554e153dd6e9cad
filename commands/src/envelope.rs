//! Envelope encryption of media that belong to a person: their key is in the person's own event,
//! so that the erasure of that event's key makes the media unreadable too.

use eventstore::{MasterKey, StoreError, Vault};

/// The purpose that media are sealed for.
const SEALED_FOR: &str = "received.media";

/// A key for the media of one message.
#[derive(Debug)]
pub struct Envelope {
    bytes: [u8; 32],
    vault: Vault,
}

impl Envelope {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn make() -> Result<Self, StoreError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|_| StoreError::Vault("the system gives no randomness"))?;
        Ok(Self::from_key(bytes))
    }

    /// The envelope of an existing key, in hex; none if the text is no key.
    pub fn with(key: &str) -> Option<Self> {
        let bytes = hex::decode(key).ok()?.try_into().ok()?;
        Some(Self::from_key(bytes))
    }

    fn from_key(bytes: [u8; 32]) -> Self {
        let vault = Vault::new(&MasterKey::new(bytes));
        Self { bytes, vault }
    }

    /// The key, in hex.
    pub fn key(&self) -> String {
        hex::encode(self.bytes)
    }

    /// Seals a medium.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.vault.seal_bytes(SEALED_FOR, bytes)
    }

    /// Opens a medium.
    ///
    /// # Errors
    /// When it was sealed under another key, or changed.
    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let opened = self.vault.open_bytes(SEALED_FOR, sealed)?;
        Ok(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_only() {
        let envelope = Envelope::make().unwrap();
        let sealed = envelope.seal(b"hello").unwrap();
        let again = Envelope::with(&envelope.key()).unwrap();
        assert_eq!(again.open(&sealed).unwrap(), b"hello");
        assert!(Envelope::make().unwrap().open(&sealed).is_err());
        for key in ["", "zz", "00"] {
            assert!(Envelope::with(key).is_none());
        }
    }
}
