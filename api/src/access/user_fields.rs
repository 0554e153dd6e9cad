//! What a client says of a user.

use domain::{Patch, access::UserPatch};
use secrecy::SecretString;

use crate::extract::{Fields, FromFields};

/// ISO 3166-1 numeric codes and the zones of a list: both have at most three digits,
/// and a list may grow.
const TABLE: std::ops::RangeInclusive<i64> = 1..=9_999;

/// A user's fields, with the password as it was typed.
#[derive(Debug)]
pub(super) struct Said {
    pub patch: UserPatch,
    pub password: Patch<SecretString>,
}

impl FromFields for Said {
    fn from_fields(fields: &mut Fields) -> Self {
        let patch = UserPatch {
            username: fields.text("username"),
            first_name: fields.text("first_name"),
            last_name: fields.text("last_name"),
            phone: fields.phone("phone"),
            email: fields.text("email"),
            address: fields.text("address"),
            company: fields.text("company"),
            country_id: fields.number("country_id", TABLE),
            timezone_id: fields.number("timezone_id", TABLE),
            active: fields.flag("active"),
        };
        Self {
            patch,
            password: NewPassword::from_fields(fields).0,
        }
    }
}

/// A password to be set: `passwd`, or `password`.
pub(super) struct NewPassword(pub Patch<SecretString>);

impl FromFields for NewPassword {
    fn from_fields(fields: &mut Fields) -> Self {
        let (short, long) = (fields.secret("passwd"), fields.secret("password"));
        Self(if matches!(short, Patch::Keep) {
            long
        } else {
            short
        })
    }
}
