//! The user that a first start creates, and their password.

use std::fmt;

use domain::{
    access::UserProfile,
    values::{InvalidValue, Line},
};
use futures::future::BoxFuture;
use secrecy::SecretString;

use super::PasswordPolicy;
use crate::{Error, Result};

/// The characters of a generated password; no two look alike.
const ALPHABET: [u8; 32] = *b"abcdefghijkmnpqrstuvwxyz23456789";
const LENGTH: usize = 20;
const USERNAME: &str = "LEDGERLINE_ADMIN_USERNAME";
const PASSWORD: &str = "LEDGERLINE_ADMIN_PASSWORD";

/// Shows a generated password. It is called right before the user is put on record: what happens
/// to the start after that cannot lose the password.
pub type ShowPassword = Box<dyn FnOnce(SecretString) -> BoxFuture<'static, ()> + Send>;

/// The user to create if there is none yet.
pub struct FirstUser {
    /// The login name.
    pub username: String,
    /// The password; a random one if none is given.
    pub password: Option<SecretString>,
    /// Shows the random password.
    pub show_password: ShowPassword,
}

impl fmt::Debug for FirstUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("FirstUser");
        fields.field("username", &self.username);
        fields.finish_non_exhaustive()
    }
}

/// Checks the settings of the first user: the login name, which is returned, and the password.
///
/// # Errors
/// [`Error::Invalid`], with the name of the setting.
pub fn check_first_user(
    username: &str,
    password: Option<&SecretString>,
    policy: PasswordPolicy,
) -> Result<Line> {
    let name: Line = username
        .parse()
        .map_err(|error: InvalidValue| Error::invalid(USERNAME, error.to_string()))?;
    if username.contains(':') {
        return Err(Error::invalid(USERNAME, "must not contain a colon"));
    }
    let profile = UserProfile {
        username: Some(name.clone()),
        ..UserProfile::default()
    };
    if let Some(password) = password {
        policy.check(PASSWORD, password, &profile)?;
    }
    Ok(name)
}

/// A random password.
pub(super) fn generate() -> Result<SecretString> {
    let mut bytes = zeroize::Zeroizing::new([0_u8; LENGTH]);
    getrandom::fill(bytes.as_mut()).map_err(|_| Error::Internal)?;
    // 32 characters: the lowest five bits of a byte choose a character without a bias.
    let chosen = bytes
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    Ok(SecretString::from(chosen.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn generated_passwords_are_long_and_differ() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_eq!(one.expose_secret().len(), LENGTH);
        assert_ne!(one.expose_secret(), two.expose_secret());
    }

    #[test]
    fn a_wrong_setting_of_the_first_user_is_named() {
        let refused = |username: &str, password: &str| {
            let password = SecretString::from(password);
            let checked = check_first_user(username, Some(&password), PasswordPolicy::Basic);
            checked.unwrap_err().to_string()
        };
        for (username, password, said) in [
            (
                "a:b",
                "long-enough-9",
                "LEDGERLINE_ADMIN_USERNAME: must not contain a colon",
            ),
            (
                "admin",
                "short",
                "LEDGERLINE_ADMIN_PASSWORD: must have at least 8 characters",
            ),
            (
                "administrator",
                "Administrator",
                "LEDGERLINE_ADMIN_PASSWORD: must not be the username or the email address",
            ),
        ] {
            assert_eq!(refused(username, password), said);
        }
        assert!(check_first_user("admin", None, PasswordPolicy::Strict).is_ok());
    }
}
