//! `POST /users/csv`: import of users from a file.

use axum::{
    extract::FromRequestParts,
    http::request::Parts,
    response::{IntoResponse, Response},
};
use domain::{
    Id,
    access::{User, UserCommand},
};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, schema::Type},
};

use super::{
    outranking::must_outrank,
    user_changes::change,
    user_fields::{NewUser, UserRequest},
    user_rows::UserLayout,
    users::{change_password, made, may_deactivate, patched},
};
use crate::{
    App, Error, Result,
    answer::Answer,
    authorization::{Create, Password, Update, Writer},
    csv::{CsvBody, ParsedRow, Report, Table},
    extract::query_pairs,
    openapi::{Describe, Sketch},
};

/// The most bytes of an import. Every new user's password is hashed, slowly on purpose.
const LIMIT: usize = 4 << 20;
/// The most rows whose effect is listed.
const ROWS_LISTED: usize = 10_000;

/// The result of an import of users.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = UserImportReport)]
pub(super) struct UserReport {
    #[serde(flatten)]
    counts: Report,
    /// The outcomes of the accepted rows, the first 10,000 of them.
    rows: Vec<Imported>,
    /// The number of accepted rows that are not listed.
    rows_not_listed: u64,
}

/// The outcome of a row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportedUser)]
struct Imported {
    /// The line of the file on which the row begins, from 1.
    line: u64,
    /// The user that the row created or changed.
    user_id: i64,
    /// `created` or `updated`.
    did: &'static str,
    /// For a row with a password: `set` for a new user; for an existing user `changed`, or `kept`
    /// if the old password stays. Null for a row without a password.
    password: Option<&'static str>,
    /// The role that a new user got; null for none, and for an existing user.
    role: Option<String>,
}

impl UserReport {
    fn add(&mut self, imported: Imported) {
        match imported.did {
            CREATED => self.counts.created += 1,
            _ => self.counts.updated += 1,
        }
        if self.rows.len() < ROWS_LISTED {
            self.rows.push(imported)
        } else {
            self.rows_not_listed += 1
        }
    }
}

const CREATED: &str = "created";
const UPDATED: &str = "updated";

/// `?update=passwords`: rows change the passwords of existing users.
pub(super) struct UpdatePasswords(bool);

impl FromRequestParts<App> for UpdatePasswords {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        let mut passwords = false;
        for (name, value) in query_pairs(parts)? {
            match (name.as_str(), value.as_str()) {
                ("update", "passwords") => passwords = true,
                ("update", _) => return Err(Error::invalid(name, "must be passwords")),
                _ => return Err(Error::invalid(name, "is not known here; update is")),
            }
        }
        Ok(Self(passwords))
    }
}

impl Describe for UpdatePasswords {
    fn describe(sketch: &mut Sketch) {
        let word = ObjectBuilder::new().schema_type(Type::String);
        let word = word.enum_values(Some(["passwords"]));
        let said = "Changes the passwords of users who are there, where a row has one.";
        sketch.query("update", said, word);
    }
}

/// Imports one row after the other, so that an import never hashes two passwords at once and logins
/// have their turn.
pub(super) async fn import(
    users: Writer<User, Create>,
    UpdatePasswords(passwords): UpdatePasswords,
    body: CsvBody,
) -> Result<Response> {
    let mut rows = body.rows(LIMIT)?;
    let mut report = UserReport::default();
    let mut table = Table::<UserLayout>::default();
    loop {
        let row = match rows.next().await {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => return Ok(error.telling(&report)),
        };
        let Some(ParsedRow { line, value, .. }) = table.read(row)? else {
            continue;
        };
        let (name, row) = match value {
            Ok(named) => named,
            Err(reason) => {
                report.counts.reject(line, reason);
                continue;
            }
        };
        if let Err(error) = users.must_still().await {
            return Ok(error.telling(&report));
        }
        let imported = import_row(&users, passwords, line, &name, row).await;
        match imported {
            Ok(imported) => report.add(imported),
            Err(error) if ends(&error) => return Ok(error.telling(&report)),
            Err(error) => report.counts.reject(line, error.detail()),
        }
    }
    Ok(Answer::from_value(&report)?.into_response())
}

/// True for an error that is not of the row alone: a failure, or a login that has ended.
fn ends(error: &Error) -> bool {
    error.status().is_server_error() || matches!(error, Error::Unauthenticated(_))
}

/// Creates the user of a row, or changes the user of that name.
async fn import_row(
    users: &Writer<User, Create>,
    passwords: bool,
    line: u64,
    name: &str,
    row: NewUser,
) -> Result<Imported> {
    let access_cache = users.caller().access_cache();
    let named = access_cache.login(name).filter(|(_, user)| {
        // An email address logs in as well, but a row names its user by username only.
        let username = user.profile().username.as_ref();
        username.is_some_and(|it| it.as_str().to_lowercase() == name.to_lowercase())
    });
    let Some((id, _)) = named else {
        let made = made(users, row).await?;
        return Ok(Imported {
            line,
            user_id: made.id.get(),
            did: CREATED,
            password: Some("set"),
            role: made.role.and_then(|role| access_cache.role_name(role)),
        });
    };
    let has_password = row.said.password.given().is_some();
    update(users, passwords, id, row.said).await?;
    let became = if passwords { "changed" } else { "kept" };
    Ok(Imported {
        line,
        user_id: id.get(),
        did: UPDATED,
        password: has_password.then_some(became),
        role: None,
    })
}

/// Changes an existing user; the password only if passwords are to be changed.
async fn update(
    users: &Writer<User, Create>,
    passwords: bool,
    id: Id<User>,
    said: UserRequest,
) -> Result<()> {
    let changing: Writer<User, Update> = users.also()?;
    // A caller who may not see all users must not find out whose name is taken.
    let user = changing.load(id).await.map_err(|error| match error {
        Error::NotFound => Error::invalid("username", "is already in use"),
        error => error,
    })?;
    let user = user.aggregate;
    must_outrank(&changing, id)?;
    let passwords = match said.password.given().filter(|_| passwords) {
        Some(_) => {
            let passwords = users.also::<User, Password>()?;
            let profile = patched(user.profile().clone(), &said.patch);
            let policy = users.caller().app().config().password_policy;
            said.password.required(policy, &profile)?;
            Some(passwords)
        }
        None => None,
    };
    let lock = may_deactivate(&changing, id, &said.patch).await?;
    change(&changing, id, UserCommand::Update(said.patch), None).await?;
    drop(lock);
    if let Some(passwords) = passwords {
        change_password(&passwords, id, &said.password).await?;
    }
    Ok(())
}
