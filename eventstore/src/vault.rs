//! The master key, and sealing with it.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use domain::values::Sealed;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::StoreError;

/// Bytes in a key of XChaCha20-Poly1305.
pub(crate) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// The key that seals all other keys. It comes from a setting or a file, never from the
/// database.
#[derive(Clone)]
pub struct MasterKey([u8; KEY_BYTES]);

impl MasterKey {
    /// Wraps 32 random bytes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Derives a key for another purpose: the HMAC-SHA256 of the purpose under this key.
    pub fn derive(&self, purpose: &str) -> Zeroizing<Vec<u8>> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(purpose.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().to_vec())
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Seals and opens with one key: XChaCha20-Poly1305, a random nonce in front.
#[derive(Clone)]
pub struct Vault(XChaCha20Poly1305);

impl Vault {
    /// A vault under the master key.
    pub fn new(master: &MasterKey) -> Self {
        Self(XChaCha20Poly1305::new((&master.0).into()))
    }

    pub(crate) fn under(key: &[u8; KEY_BYTES]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// Seals a secret; it opens only under the same `context`.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Sealed, StoreError> {
        let sealed = self.seal_bytes(context, plain)?;
        Ok(Sealed::new(STANDARD_NO_PAD.encode(sealed)))
    }

    /// Opens a secret that [`Vault::seal`] sealed under the same `context`.
    ///
    /// # Errors
    /// When it was sealed under another key or context, or was changed.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let bytes = STANDARD_NO_PAD.decode(sealed.as_str());
        self.open_bytes(context, &bytes.map_err(|_| CANNOT_OPEN)?)
    }

    /// As [`Vault::seal`], with the result in bytes instead of Base64.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn seal_bytes(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let payload = Payload {
            msg: plain,
            aad: context.as_bytes(),
        };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| StoreError::Vault("the secret could not be sealed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens bytes that [`Vault::seal_bytes`] sealed under the same `context`.
    ///
    /// # Errors
    /// When it was sealed under another key or context, or was changed.
    pub fn open_bytes(
        &self,
        context: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let (nonce, msg) = sealed
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(CANNOT_OPEN)?;
        let payload = Payload {
            msg,
            aad: context.as_bytes(),
        };
        let plain = self.0.decrypt(&XNonce::from(*nonce), payload);
        plain.map(Zeroizing::new).map_err(|_| CANNOT_OPEN)
    }
}

/// Makes keyed hashes of texts that are compared but must not be readable.
pub(crate) struct Fingerprints(Zeroizing<Vec<u8>>);

impl Fingerprints {
    /// Length of a fingerprint: 16 bytes make a collision unlikely in a list of any size.
    const BYTES: usize = 16;

    /// Derives the key of the fingerprints from the master key.
    pub fn new(master: &MasterKey) -> Self {
        Self(master.derive("fingerprints"))
    }

    /// The first half of the HMAC-SHA256 of a text, in hex.
    pub fn compute(&self, text: &str) -> String {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(text.as_bytes());
        let whole = mac.finalize().into_bytes();
        hex::encode(whole.get(..Self::BYTES).unwrap_or_default())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

const CANNOT_OPEN: StoreError = StoreError::Vault(
    "something sealed cannot be opened: is this the master key it was sealed with?",
);

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| StoreError::Vault("the system gives no randomness"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(&MasterKey::new([byte; 32]))
    }

    #[test]
    fn a_secret_opens_under_its_key_and_context_only() {
        let sealed = vault(1).seal("provider.password", b"hunter2").unwrap();
        assert_eq!(
            vault(1)
                .open("provider.password", &sealed)
                .unwrap()
                .as_slice(),
            b"hunter2"
        );
        assert!(vault(2).open("provider.password", &sealed).is_err());
        assert!(vault(1).open("account.passwd", &sealed).is_err());
    }

    #[test]
    fn a_fingerprint_is_the_same_under_the_same_key_only() {
        let of =
            |byte: u8, text: &str| Fingerprints::new(&MasterKey::new([byte; 32])).compute(text);
        assert_eq!(of(1, "15550100"), of(1, "15550100"));
        assert_ne!(of(1, "15550100"), of(1, "15550101"));
        assert_ne!(of(1, "15550100"), of(2, "15550100"));
        assert_eq!(of(1, "").len(), 32);
    }

    #[test]
    fn what_is_not_sealed_is_refused_not_panicked_on() {
        for text in ["", "AAAA", "not base64 !"] {
            assert!(vault(1).open("x", &Sealed::new(text.into())).is_err());
        }
    }
}
