//! A group's contacts as CSV: export, import, and a sample file.

use axum::response::Response;
use domain::{
    Entity as _, Id, Refusal,
    people::{Contact, Group},
};
use futures::{StreamExt as _, TryStreamExt as _};
use projections::{
    Query,
    people::{
        contacts::{ContactFilter, ContactRow},
        groups::GroupRow,
    },
};

use super::{contact_csv, group_import::Import};
use crate::{
    Error, Result,
    authorization::{Caller, Create, List, Read, Reader, Update, Writer},
    csv::{CSV, CsvBody, Report, export, file},
    extract::Path,
    openapi::{Routes, op},
};

pub(super) fn routes() -> Routes {
    let taken = "Columns: phone, first_name, last_name, email, address, custom1, custom2, \
        custom3, description; a first row with the word `phone` in it names them in another \
        order. Only the phone is required. A row whose phone a contact of the group has \
        already changes that contact, and leaves what it does not say. A bad row stops \
        nothing; the first 1,000 of them are listed.";
    Routes::new()
        .post(
            "/groups/{group_id}/csv",
            import_csv,
            op("Imports contacts into a group")
                .note(taken)
                .takes(CSV)
                .json::<Report>(),
        )
        .aliases(&["POST /groups/import/contact_group/{group_id}"])
        .get(
            "/groups/{group_id}/csv",
            export_csv,
            op("Exports the contacts of a group")
                .note(
                    "Without a header. What a spreadsheet would run as a formula has a ' in front.",
                )
                .file("text/csv"),
        )
        .aliases(&["GET /groups/{group_id}/export/contact.csv"])
        .get(
            "/groups/sample/csv",
            sample,
            op("Shows what a list of contacts looks like").file("text/csv"),
        )
        .aliases(&["GET /groups/import/contact_csv/sample"])
}

async fn import_csv(
    groups: Writer<Group, Update>,
    contacts: Writer<Contact, Create>,
    Path(id): Path<Id<Group>>,
    body: CsvBody,
) -> Result<Response> {
    let owner = groups.load(id).await?.aggregate.owner();
    let owner = owner.ok_or(Refusal::NotFound)?;
    contacts.must_in(owner.tenant)?;
    let rows = body.rows(contacts.caller().app().config().import_limit)?;
    let import = Import::begin((groups, contacts), id, owner).await?;
    import.run(rows).await
}

async fn export_csv(
    groups: Reader<Group, Read>,
    contacts: Reader<Contact, List>,
    Path(id): Path<Id<Group>>,
) -> Result<Response> {
    groups.row::<GroupRow>(id.get()).await?;
    let wanted = Query::<ContactRow>::by(ContactFilter {
        group_id: Some(id.get()),
        ..ContactFilter::default()
    });
    let rows = projections::list(contacts.pool(), wanted, &contacts.scope());
    let rows = rows.map_err(Error::from).boxed();
    export(&format!("group-{id}.csv"), rows, contact_csv::fields).await
}

async fn sample(_caller: Caller) -> Result<Response> {
    file("contacts.csv", &contact_csv::SAMPLE)
}
