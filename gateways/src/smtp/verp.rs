//! VERP: return paths and Message-IDs that name an attempt and cannot be forged.

use domain::{Id, delivery::Spool};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// The length of a tag in hex digits: 40 bits, against guessing at a mail server's pace.
const DIGITS: usize = 10;

/// Creates and verifies return paths and Message-IDs of attempts.
#[derive(Clone, Debug)]
pub struct Verp {
    key: SecretSlice<u8>,
}

impl Verp {
    /// Creates tags with this key. A bounce is recognised only with the key that its mail was
    /// sent with.
    pub fn new(key: SecretSlice<u8>) -> Self {
        Self { key }
    }

    /// The local part of the return path of this attempt.
    pub fn return_path(&self, spool: Id<Spool>) -> String {
        format!("bounce+{spool}.{}", self.tag("verp", spool))
    }

    /// The attempt that a bounce to this local part is about; `None` if the tag is not ours.
    /// Case is ignored, since mail servers on the way may have changed it.
    pub fn bounced(&self, local_part: &str) -> Option<Id<Spool>> {
        self.verified(local_part, "bounce+", "verp")
    }

    /// The attempt that this left side of a Message-ID names; `None` if the tag is not ours.
    pub(crate) fn mentioned(&self, left_side: &str) -> Option<Id<Spool>> {
        self.verified(left_side, "spool-", "message-id")
    }

    fn verified(&self, text: &str, prefix: &str, purpose: &str) -> Option<Id<Spool>> {
        let text = text.to_ascii_lowercase();
        let (id, tag) = text.strip_prefix(prefix)?.split_once('.')?;
        let spool = id.parse().ok()?;
        let tag = hex::decode(tag)
            .ok()
            .filter(|tag| tag.len() == DIGITS / 2)?;
        self.mac(purpose, spool)?.verify_truncated_left(&tag).ok()?;
        Some(spool)
    }

    /// The Message-ID of an attempt: equal for all its mails, so that a duplicate is recognised.
    pub(crate) fn message_id(&self, spool: Id<Spool>, domain: &str) -> String {
        format!("<spool-{spool}.{}@{domain}>", self.tag("message-id", spool))
    }

    fn tag(&self, purpose: &str, spool: Id<Spool>) -> String {
        let mut tag = self
            .mac(purpose, spool)
            .map(|mac| hex::encode(mac.finalize().into_bytes()))
            .unwrap_or_default();
        tag.truncate(DIGITS);
        tag
    }

    /// The MAC of an attempt. HMAC takes keys of any length, so this never is `None`.
    fn mac(&self, purpose: &str, spool: Id<Spool>) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret()).ok()?;
        Some(mac.chain_update(format!("{purpose}:{spool}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verp(key: &[u8]) -> Verp {
        Verp::new(key.to_vec().into())
    }

    #[test]
    fn a_bounce_names_its_attempt() {
        let path = verp(b"key").return_path(Id::new(42));
        assert!(path.starts_with("bounce+42.") && path.len() == 20, "{path}");
        assert_eq!(verp(b"key").bounced(&path), Some(Id::new(42)));
        assert_eq!(
            verp(b"key").bounced(&path.to_uppercase()),
            Some(Id::new(42))
        );
    }

    #[test]
    fn a_forged_bounce_is_nobodys() {
        let path = verp(b"key").return_path(Id::new(42));
        assert_eq!(verp(b"other").bounced(&path), None);
        assert_eq!(verp(b"key").bounced(&path.replace("42.", "43.")), None);
        for text in [
            "",
            "bounce",
            "bounce+42",
            "bounce+42.",
            "bounce+42.zz",
            "bounce+42.00",
            "bounce+x.0011223344",
        ] {
            assert_eq!(verp(b"key").bounced(text), None, "{text}");
        }
    }

    #[test]
    fn a_message_id_is_stable_and_does_not_give_the_return_path_away() {
        let id = verp(b"key").message_id(Id::new(42), "example.com");
        assert_eq!(id, verp(b"key").message_id(Id::new(42), "example.com"));
        assert_ne!(id, verp(b"key").message_id(Id::new(43), "example.com"));
        let path = verp(b"key").return_path(Id::new(42));
        assert!(!id.contains(path.rsplit_once('.').unwrap().1));
    }
}
