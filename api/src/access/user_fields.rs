//! The request fields of a user.

use domain::{
    Patch,
    access::{UserPatch, UserProfile},
    reference::{TimeZone, country, timezone},
};
use secrecy::SecretString;

use crate::{
    Error, PasswordPolicy, Result,
    extract::{Fields, FromFields},
};

/// A user's fields, with the password as it was typed.
#[derive(Debug)]
pub(super) struct UserRequest {
    pub patch: UserPatch,
    pub password: NewPassword,
}

impl FromFields for UserRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        let (timezone_id, timezone) = zone(fields);
        let patch = UserPatch {
            username: fields.text("username"),
            first_name: fields.text("first_name"),
            last_name: fields.text("last_name"),
            phone: fields.phone("phone"),
            email: fields.text("email"),
            address: fields.text("address"),
            company: fields.text("company"),
            country_id: numbered(fields, "country_id", "/countries", |id| {
                country(id).map(|country| country.id)
            }),
            timezone_id,
            timezone,
            active: fields.flag("active"),
        };
        Self {
            patch,
            password: NewPassword::from_fields(fields),
        }
    }
}

/// The fields of a user who is to be created.
#[derive(Debug)]
pub(super) struct NewUser {
    pub said: UserRequest,
    /// A role, by its name or its id; `Clear` for no role.
    pub role: Patch<String>,
}

impl FromFields for NewUser {
    fn from_fields(fields: &mut Fields) -> Self {
        fields.describe_active("1 for a user who may log in.");
        Self {
            said: UserRequest::from_fields(fields),
            role: fields.text_or_number("role"),
        }
    }
}

/// A row of a shipped table by its number; zero means none, as with other ids.
fn numbered<T>(
    fields: &mut Fields,
    field: &'static str,
    list: &'static str,
    find: impl FnOnce(i32) -> Option<T>,
) -> Patch<T> {
    match fields.number::<i32>(field, 0..=i64::from(i32::MAX)) {
        Patch::Keep => Patch::Keep,
        Patch::Clear | Patch::Set(0) => Patch::Clear,
        Patch::Set(id) => match find(id) {
            Some(row) => Patch::Set(row),
            None => {
                fields.refuse(field, format!("is unknown; GET {list} has all there are"));
                Patch::Keep
            }
        },
    }
}

/// The time zone, by number or by name; whichever is given, both are recorded.
fn zone(fields: &mut Fields) -> (Patch<i32>, Patch<TimeZone>) {
    let by_id = numbered(fields, "timezone_id", "/timezones", timezone);
    let by_name: Patch<TimeZone> = fields.text("timezone");
    let zone = match (by_id, by_name) {
        (Patch::Set(zone), Patch::Set(name)) if zone.name != name.as_str() => {
            fields.refuse("timezone", "contradicts timezone_id");
            Patch::Keep
        }
        (Patch::Set(zone), _) => Patch::Set(TimeZone::from(zone)),
        (_, Patch::Set(name)) => Patch::Set(name),
        (Patch::Clear, _) | (_, Patch::Clear) => Patch::Clear,
        (Patch::Keep, Patch::Keep) => Patch::Keep,
    };
    let id = match &zone {
        Patch::Set(zone) => zone.id().map_or(Patch::Clear, Patch::Set),
        Patch::Clear => Patch::Clear,
        Patch::Keep => Patch::Keep,
    };
    (id, zone)
}

/// A password to be set: `passwd`, or `password`.
#[derive(Debug)]
pub(crate) struct NewPassword {
    pub secret: Patch<SecretString>,
    /// The field in which the password came.
    pub field: &'static str,
}

impl NewPassword {
    /// The password, if one was given.
    pub fn given(&self) -> Option<&SecretString> {
        match &self.secret {
            Patch::Set(secret) => Some(secret),
            Patch::Keep | Patch::Clear => None,
        }
    }

    /// The password: required, and checked against the policy for this user.
    pub fn required(&self, policy: PasswordPolicy, user: &UserProfile) -> Result<&SecretString> {
        let secret = self.given();
        let secret = secret.ok_or_else(|| Error::invalid(self.field, "is required"))?;
        policy.check(self.field, secret, user)?;
        Ok(secret)
    }
}

impl FromFields for NewPassword {
    fn from_fields(fields: &mut Fields) -> Self {
        let [short, long] = ["passwd", "password"].map(|field| Self {
            secret: fields.new_password(field),
            field,
        });
        match (&short.secret, &long.secret) {
            (Patch::Keep, Patch::Set(_) | Patch::Clear) => long,
            _ => short,
        }
    }
}
