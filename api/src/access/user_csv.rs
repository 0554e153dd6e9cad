//! Users as CSV: the export, without passwords, and the routes of export and import.

use axum::response::Response;
use domain::access::User;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use projections::access::users::UserRow;

use super::user_import::{UserReport, import};
use crate::{
    Error, Result,
    authorization::{List, Reader},
    csv::{CSV, export},
    extract::Listing,
    openapi::{Routes, op},
};

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
            import,
            op("Imports users")
                .note(
                    "Columns: username, passwd, first_name, last_name, phone, email, address, \
                     company, country_id, timezone, active, role; a first row with the word \
                     `username` in it names them in another order. A row whose username is there \
                     already changes that user, and leaves what it does not say; that takes \
                     user_update too, and only those whose every permission the caller holds. \
                     Its password is kept as it is without `update=passwords`, which takes \
                     user_password too. A new user needs a password, and gets an account and the \
                     role of the row, or else role `user` where the caller may grant it. A bad \
                     row stops nothing. `rows` says what each of the others did. At most 4 MiB.",
                )
                .takes(CSV)
                .json::<UserReport>(),
        )
}

async fn export_csv(users: Reader<User, List>, listing: Listing<UserRow>) -> Result<Response> {
    let header = stream::once(async { Ok(EXPORTED.map(str::to_owned)) });
    let rows = projections::list(users.pool(), listing.query, &users.scope());
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
