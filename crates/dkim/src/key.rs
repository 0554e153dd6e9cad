//! Private keys that mails are signed with (DKIM).

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

/// A key that cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an RSA key of 2048 to 8192 bits in PEM (BEGIN RSA PRIVATE KEY or BEGIN PRIVATE KEY, \
     not encrypted), or an Ed25519 key in PEM or as its 32 bytes in base64"
)]
pub struct InvalidKey;

/// A private key of either kind that DKIM knows.
pub enum DkimKey {
    /// RSA.
    Rsa(RsaKeyPair),
    /// Ed25519.
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for DkimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm())
    }
}

impl DkimKey {
    /// Parses a key: RSA or Ed25519 in PEM, or an Ed25519 seed in base64.
    ///
    /// # Errors
    /// If it cannot sign.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let text = text.trim();
        let key = if text.contains("-----BEGIN") {
            from_pem(text)
        } else {
            from_seed(text)
        };
        key.ok_or(InvalidKey)
    }

    /// The algorithm of signatures by this key, as DKIM names it.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// The signature of this text; `None` if it cannot be made.
    pub fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let random = SystemRandom::new();
                key.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature)
                    .ok()?;
                Some(signature)
            }
            // DKIM signs the hash (RFC 8463, section 3).
            Self::Ed25519(key) => {
                let signature = key.sign(digest(&SHA256, text).as_ref());
                Some(signature.as_ref().to_vec())
            }
        }
    }
}

fn from_pem(text: &str) -> Option<DkimKey> {
    match PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()? {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der())
            .ok()
            .map(DkimKey::Rsa),
        PrivateKeyDer::Pkcs8(der) => {
            let der = der.secret_pkcs8_der();
            let rsa = RsaKeyPair::from_pkcs8(der).ok().map(DkimKey::Rsa);
            // openssl leaves the public half out, so there is nothing to check it against.
            let ed25519 = || Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok();
            rsa.or_else(|| ed25519().map(DkimKey::Ed25519))
        }
        _ => None,
    }
}

fn from_seed(text: &str) -> Option<DkimKey> {
    let seed = STANDARD.decode(text).ok()?;
    let key = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
    Some(DkimKey::Ed25519(key))
}
