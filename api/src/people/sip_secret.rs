//! The secret of an extension: the password of its SIP user.

use domain::{
    Id, Patch,
    people::{Account, AccountPatch},
};
use eventstore::Vault;
use secrecy::SecretString;

use crate::{Error, Result, sealing::seal};

/// The length of a secret that is generated.
const SECRET_LENGTH: usize = 32;

/// The patch, with a generated secret unless it sets one.
pub(crate) fn with_secret(
    vault: &Vault,
    id: Id<Account>,
    mut patch: AccountPatch,
) -> Result<AccountPatch> {
    if !matches!(patch.passwd, Patch::Set(_)) {
        let secret = SecretString::from(random_secret()?);
        patch.passwd = seal(vault, id, "passwd", Patch::Set(secret))?;
    }
    Ok(patch)
}

/// A secret of letters and digits, which every phone can be told.
fn random_secret() -> Result<String> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut secret = String::with_capacity(SECRET_LENGTH);
    while secret.len() < SECRET_LENGTH {
        let mut bytes = [0; SECRET_LENGTH];
        getrandom::fill(&mut bytes).map_err(|_| Error::Internal)?;
        // Of 256 values, 248 fall on the letters evenly.
        let even = bytes.iter().map(|byte| usize::from(*byte));
        let even = even.filter(|byte| *byte < 4 * LETTERS.len());
        let room = SECRET_LENGTH - secret.len();
        secret.extend(
            even.take(room)
                .map(|byte| char::from(LETTERS[byte % LETTERS.len()])),
        );
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_long_and_never_the_same() {
        let secrets: std::collections::BTreeSet<String> =
            (0..100).map(|_| random_secret().unwrap()).collect();
        assert_eq!(secrets.len(), 100);
        let is_fine = |secret: &String| {
            secret.len() == SECRET_LENGTH && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        assert!(secrets.iter().all(is_fine));
    }
}
