//! Users as CSV: out without passwords, in with them.

use axum::response::{IntoResponse, Response};
use domain::{
    Id, Patch,
    access::{User, UserCommand},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use projections::access::users::UserRow;
use serde_json::{Map, Value};

use super::{
    user_changes::change,
    user_fields::Said,
    users::{change_password, made, may_deactivate, must_outrank, patched},
};
use crate::{
    Error, Result,
    answer::Answer,
    csv::{CSV, CsvBody, Report, Row, export, unguarded},
    extract::{Fields, FromFields, Listing},
    openapi::{Routes, op},
    permit::{Create, List, Password, Reader, Update, Writer},
};

/// The columns of a file without a header.
const COLUMNS: [&str; 11] = [
    "username",
    "passwd",
    "first_name",
    "last_name",
    "phone",
    "email",
    "address",
    "company",
    "country_id",
    "timezone",
    "active",
];
/// The columns of an export.
const EXPORTED: [&str; 10] = [
    "username",
    "first_name",
    "last_name",
    "phone",
    "email",
    "address",
    "company",
    "country_id",
    "timezone",
    "active",
];
/// The most bytes of an import. Every new user's password is hashed, slowly on purpose.
const LIMIT: usize = 4 << 20;

pub(super) fn routes() -> Routes {
    Routes::new()
        .get(
            "/users/csv",
            export_csv,
            op("Exports users")
                .note(
                    "With a header, without passwords. What a spreadsheet would run as a formula \
                     has a ' in front.",
                )
                .file("text/csv"),
        )
        .post(
            "/users/csv",
            import_csv,
            op("Imports users")
                .note(
                    "Columns: username, passwd, first_name, last_name, phone, email, address, \
                     company, country_id, timezone, active; a first row with the word `username` \
                     in it names them in another order. A row whose username is there already \
                     changes that user, and leaves what it does not say; that takes user_update \
                     too, and user_password where it has a password. A new user needs a password \
                     and gets an account. A bad row stops nothing. At most 4 MiB.",
                )
                .takes(CSV)
                .json::<Report>(),
        )
}

async fn export_csv(users: Reader<User, List>, listing: Listing<UserRow>) -> Result<Response> {
    let header = stream::once(async { Ok(EXPORTED.map(str::to_owned)) });
    let rows = projections::list(users.pool(), listing.query, users.scope());
    let rows = header.chain(rows.map_err(Error::from).map_ok(exported));
    export("users.csv", rows.boxed(), borrowed).await
}

fn borrowed(row: &[String; 10]) -> [&str; 10] {
    row.each_ref().map(String::as_str)
}

fn exported(row: UserRow) -> [String; 10] {
    [
        row.username,
        row.first_name,
        row.last_name,
        row.phone,
        row.email,
        row.address,
        row.company,
        row.country_id.map(|id| id.to_string()),
        row.timezone,
        Some(u8::from(row.active).to_string()),
    ]
    .map(Option::unwrap_or_default)
}

/// One row after the other, so that an import never hashes two passwords at once and
/// logins have their turn.
async fn import_csv(users: Writer<User, Create>, body: CsvBody) -> Result<Response> {
    let mut rows = body.rows(LIMIT)?;
    let mut report = Report::default();
    let mut columns: Option<Vec<Option<&'static str>>> = None;
    loop {
        let Row { line, fields } = match rows.next().await {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => return Ok(error.telling(&report)),
        };
        let fields = match fields {
            Ok(fields) => fields,
            Err(reason) => {
                report.reject(line, reason);
                continue;
            }
        };
        if columns.is_none() {
            let header = header(&fields);
            let is_header = header.is_some();
            columns = Some(header.unwrap_or_else(|| COLUMNS.map(Some).to_vec()));
            if is_header {
                continue;
            }
        }
        let taken = match read(columns.as_deref().unwrap_or_default(), &fields) {
            Ok((name, said)) => take_in(&users, &name, said).await,
            Err(error) => Err(error),
        };
        match taken {
            Ok(Taken::Created) => report.created += 1,
            Ok(Taken::Updated) => report.updated += 1,
            Err(error) if error.status().is_server_error() => return Ok(error.telling(&report)),
            Err(error) => report.reject(line, error.detail()),
        }
    }
    Ok(Answer::of(&report)?.into_response())
}

enum Taken {
    Created,
    Updated,
}

/// The columns that a first row names, if it is a header.
fn header(row: &[String]) -> Option<Vec<Option<&'static str>>> {
    let folded = |name: &String| {
        unguarded(name)
            .trim()
            .to_lowercase()
            .replace([' ', '-'], "_")
    };
    let names: Vec<String> = row.iter().map(folded).collect();
    let column = |name: &String| {
        let name = if name == "password" { "passwd" } else { name };
        COLUMNS.into_iter().find(|column| *column == name)
    };
    names
        .iter()
        .any(|name| name == COLUMNS[0])
        .then(|| names.iter().map(column).collect())
}

/// What a row says, under the rules that a body's fields have. An empty value says
/// nothing.
fn read(columns: &[Option<&'static str>], row: &[String]) -> Result<(String, Said)> {
    let beyond = row.get(columns.len()..).unwrap_or_default();
    if beyond.iter().any(|value| !value.trim().is_empty()) {
        let said = format!(
            "has {} columns, at most {} are expected",
            row.len(),
            columns.len()
        );
        return Err(Error::invalid("row", said));
    }
    let mut map = Map::new();
    for (value, column) in row.iter().zip(columns) {
        if let Some(column) = column
            && !value.trim().is_empty()
        {
            // A password is taken as it stands; no export has put anything in front of it.
            let plain = if *column == "passwd" {
                value
            } else {
                unguarded(value)
            };
            if map
                .insert((*column).to_owned(), Value::from(plain))
                .is_some()
            {
                return Err(Error::invalid(*column, "stands twice"));
            }
        }
    }
    let mut fields = Fields::new(map);
    let said = Said::from_fields(&mut fields);
    let said = fields.finish(said)?;
    match &said.patch.username {
        Patch::Set(name) => Ok((name.to_string(), said)),
        Patch::Keep | Patch::Clear => Err(Error::invalid("username", "is required")),
    }
}

async fn take_in(users: &Writer<User, Create>, name: &str, said: Said) -> Result<Taken> {
    let named = users.caller().mirror().login(name).filter(|(_, user)| {
        // Somebody's address logs in as well, and is not their name.
        let username = user.profile().username.as_ref();
        username.is_some_and(|it| it.as_str().to_lowercase() == name.to_lowercase())
    });
    let Some((id, _)) = named else {
        made(users, said).await?;
        return Ok(Taken::Created);
    };
    update(users, id, said).await?;
    Ok(Taken::Updated)
}

async fn update(users: &Writer<User, Create>, id: Id<User>, said: Said) -> Result<()> {
    let changing: Writer<User, Update> = users.also()?;
    // Whoever may not see all users must not find out whose name is taken.
    let user = changing.load(id).await.map_err(|error| match error {
        Error::NotFound => Error::invalid("username", "is already in use"),
        error => error,
    })?;
    let user = user.aggregate;
    must_outrank(&changing, id)?;
    let passwords = match said.password.given() {
        Some(_) => {
            let passwords = users.also::<User, Password>()?;
            let profile = patched(user.profile().clone(), &said.patch);
            let policy = users.caller().app().config().password_policy;
            said.password.required(policy, &profile)?;
            Some(passwords)
        }
        None => None,
    };
    let turn = may_deactivate(&changing, id, &said.patch).await?;
    change(&changing, id, UserCommand::Update(said.patch), None).await?;
    drop(turn);
    if let Some(passwords) = passwords {
        change_password(&passwords, id, &said.password).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(row: &[&str]) -> Vec<String> {
        row.iter().map(|&value| value.to_owned()).collect()
    }

    #[test]
    fn a_header_is_known_by_the_username() {
        let columns = header(&owned(&["E-mail", "User Name", "Username", "Password"]));
        assert_eq!(
            columns,
            Some(vec![None, None, Some("username"), Some("passwd")])
        );
        assert_eq!(header(&owned(&["ada", "secret"])), None);
    }

    #[test]
    fn what_is_wrong_with_a_row_names_the_field() {
        let columns = COLUMNS.map(Some);
        let (name, said) = read(&columns, &owned(&["ada", "'x", "Ada"])).unwrap();
        assert_eq!(name, "ada");
        assert!(said.password.given().is_some());
        assert!(matches!(said.patch.last_name, Patch::Keep));
        for (row, field) in [
            (vec!["", "x"], "username"),
            (vec!["a", "x", "", "", "phone"], "phone"),
            (vec!["a", "x", "", "", "", "", "", "", "1"], "country_id"),
            (vec!["a"; 12], "row"),
        ] {
            let error = read(&columns, &owned(&row)).err().unwrap();
            assert!(error.detail().starts_with(field), "{}", error.detail());
        }
    }
}
