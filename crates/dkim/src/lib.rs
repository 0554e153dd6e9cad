//! Signatures of mails by the sender's domain (DKIM, RFC 6376; Ed25519 by RFC 8463).
//!
//! - [`DkimKey`]: a private key, from the forms in which people have them;
//! - [`Signer`]: signs for one domain, relaxed/relaxed.
//!
//! Knows bytes only: composing mails, and reading settings, is the caller's. To add an algorithm: a
//! variant of the key, with its name in DKIM.

mod key;
mod signature;

pub use key::{DkimKey, InvalidKey};
pub use signature::{Signer, signer_of};
