//! Signatures of the sender's domain (DKIM, RFC 6376; Ed25519 by RFC 8463).

use lettre::{
    Address, Message,
    message::{
        dkim::{
            DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm,
            DkimSigningKey,
        },
        header::HeaderName,
    },
};
use secrecy::{ExposeSecret, SecretString};

use super::config::InvalidConfig;

/// The header fields to sign, where a mail has them. Content-Type is not signed: lettre writes
/// the one of a multipart mail after signing.
const HEADERS: [&str; 10] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Reply-To",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Auto-Submitted",
];

/// Signs for one domain.
pub(super) struct Signer {
    domain: String,
    config: DkimConfig,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Creates a signer with this key: RSA in PEM (PKCS #1), or an Ed25519 seed in base64.
    ///
    /// # Errors
    /// If the key is neither.
    pub fn new(domain: &str, selector: &str, key: &SecretString) -> Result<Self, InvalidConfig> {
        let key = key.expose_secret().trim();
        let algorithm = if key.contains("-----BEGIN") {
            DkimSigningAlgorithm::Rsa
        } else {
            DkimSigningAlgorithm::Ed25519
        };
        let key = DkimSigningKey::new(key, algorithm).map_err(|_| InvalidConfig {
            field: "settings.dkim_key",
            reason: "must be an RSA key in PEM (BEGIN RSA PRIVATE KEY), or the 32 bytes of an \
                     Ed25519 key in base64"
                .to_owned(),
        })?;
        let relaxed = DkimCanonicalization {
            header: DkimCanonicalizationType::Relaxed,
            body: DkimCanonicalizationType::Relaxed,
        };
        let headers = HEADERS.map(HeaderName::new_from_ascii_str).to_vec();
        let (selector, owner) = (selector.to_owned(), domain.to_owned());
        Ok(Self {
            domain: domain.to_lowercase(),
            config: DkimConfig::new(selector, owner, key, headers, relaxed),
        })
    }

    /// Signs a mail.
    pub fn sign(&self, message: &mut Message) {
        message.sign(&self.config);
    }

    /// True if a domain is the signer's, or a subdomain of it.
    fn covers(&self, domain: &str) -> bool {
        domain
            .strip_suffix(&self.domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

/// The signer for an author: the one with the longest domain that covers the author's. A
/// signature of an unrelated domain is not aligned, so receivers ignore it (RFC 7489, 3.1.1).
pub(super) fn signer_of<'s>(signers: &'s [Signer], author: &Address) -> Option<&'s Signer> {
    let domain = author.domain().to_lowercase();
    let covering = signers.iter().filter(|signer| signer.covers(&domain));
    covering.max_by_key(|signer| signer.domain.len())
}
