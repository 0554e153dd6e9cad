//! The password policy: rules for a password when it is set.

use std::{collections::HashSet, str::FromStr, sync::OnceLock};

use domain::access::UserProfile;
use secrecy::{ExposeSecret, SecretString};

use crate::{Error, Result};

/// The fewest characters of a password.
const SHORTEST: usize = 8;
/// Common passwords, one on each line; the head of the file names its source.
const COMMON: &str = include_str!("common_passwords.txt");

/// The rules for passwords that are set. Passwords that were set before stay valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PasswordPolicy {
    /// At least 8 characters, and neither the username nor the email address.
    #[default]
    Basic,
    /// The rules of `Basic`, and not in the shipped list of common passwords.
    Strict,
}

impl FromStr for PasswordPolicy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "basic" => Ok(Self::Basic),
            "strict" => Ok(Self::Strict),
            _ => Err(()),
        }
    }
}

impl PasswordPolicy {
    /// Refuses a password that the policy forbids for this user, naming the field.
    pub(crate) fn check(
        self,
        field: &'static str,
        password: &SecretString,
        user: &UserProfile,
    ) -> Result<()> {
        let refuse = |reason: &str| Err(Error::invalid(field, reason));
        let password = password.expose_secret();
        if password.chars().count() < SHORTEST {
            return refuse("must have at least 8 characters");
        }
        let folded = fold(password);
        let username = user.username.as_ref().map(|name| fold(name.as_str()));
        let email = user.email.as_ref().map(|email| fold(email.as_str()));
        if [username, email]
            .into_iter()
            .flatten()
            .any(|it| it == folded)
        {
            return refuse("must not be the username or the email address");
        }
        if self == Self::Strict && common().contains(folded.as_str()) {
            return refuse("is among the most common passwords");
        }
        Ok(())
    }
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

fn common() -> &'static HashSet<&'static str> {
    static SET: OnceLock<HashSet<&'static str>> = OnceLock::new();
    SET.get_or_init(|| {
        COMMON
            .lines()
            .filter(|line| !line.starts_with("# "))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> UserProfile {
        UserProfile {
            username: "Grace.Hopper".parse().ok(),
            email: "grace@example.com".parse().ok(),
            ..UserProfile::default()
        }
    }

    fn refused(policy: PasswordPolicy, password: &str) -> bool {
        let password = SecretString::from(password);
        policy.check("passwd", &password, &user()).is_err()
    }

    #[test]
    fn a_password_is_long_and_no_name() {
        for wrong in [
            "",
            "1234567",
            "grace.hopper",
            " GRACE.hopper ",
            "Grace@Example.com",
        ] {
            assert!(refused(PasswordPolicy::Basic, wrong), "{wrong}");
        }
        for right in ["password", "mysecret", "ÄÖÜäöüßẞ", "grace.hopper.1"] {
            assert!(!refused(PasswordPolicy::Basic, right), "{right}");
        }
    }

    #[test]
    fn strict_knows_common_passwords_in_any_case() {
        for wrong in ["password", "MySecret", "Trustno1", "iloveyou"] {
            assert!(refused(PasswordPolicy::Strict, wrong), "{wrong}");
        }
        assert!(!refused(PasswordPolicy::Strict, "correct horse battery"));
    }

    #[test]
    fn the_list_is_sorted_and_long_enough() {
        let lines: Vec<&str> = COMMON.lines().filter(|it| !it.starts_with("# ")).collect();
        assert!(lines.len() > 10_000, "{}", lines.len());
        assert!(lines.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            lines
                .iter()
                .all(|it| it.chars().count() >= SHORTEST && fold(it) == **it)
        );
    }
}
