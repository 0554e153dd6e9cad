//! `/contacts`.

use axum::{extract::FromRequestParts, http::request::Parts};
use cqrs_es::Aggregate;
use domain::{
    Id,
    delivery::Transmission,
    people::{Contact, ContactCommand, ContactPatch},
};
use projections::people::contacts::ContactRow;
use utoipa::openapi::{ObjectBuilder, schema::Type};

use crate::{
    App, Error, Result,
    answer::Answer,
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Update, Writer},
    extract::{Fields, FromFields, Input, Listing, Path, flag, query_pairs},
    openapi::{Describe, Routes, Sketch, op},
};

impl Noun for Contact {
    const NAME: &'static str = "contact";
    const OWNED: Owned = Owned::ByUsers("contact_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<ContactRow>("/contacts", "contact")
        .create(
            create,
            op("Creates a contact").requires(&["first_name", "phone"]),
        )
        .list(list, op("Lists contacts"))
        .read(read, op("Reads a contact"))
        .update(update, op("Changes a contact"))
        .delete(delete, op("Deletes a contact"))
        .done()
}

async fn create(
    contacts: Writer<Contact, Create>,
    Input(patch): Input<ContactPatch>,
) -> Result<Answer> {
    let (id, owner) = (contacts.next_id().await?, contacts.owner()?);
    let profile = patch.into();
    contacts
        .created(id, ContactCommand::Create { id, owner, profile })
        .await
}

async fn list(contacts: Reader<Contact, List>, listing: Listing<ContactRow>) -> Result<Answer> {
    contacts.list(listing).await
}

async fn read(contacts: Reader<Contact, Read>, Path(id): Path<Id<Contact>>) -> Result<Answer> {
    contacts.find::<ContactRow>(id.get()).await
}

async fn update(
    contacts: Writer<Contact, Update>,
    Path(id): Path<Id<Contact>>,
    Input(patch): Input<ContactPatch>,
) -> Result<Answer> {
    contacts
        .updated::<ContactRow>(id, ContactCommand::Update(patch))
        .await
}

async fn delete(
    contacts: Writer<Contact, Delete>,
    Path(id): Path<Id<Contact>>,
    Erase(erase): Erase,
) -> Result<Answer> {
    if !erase {
        return contacts.deleted(id, ContactCommand::Delete).await;
    }
    let answer = contacts.deleted(id, ContactCommand::Erase).await?;
    // The reports that quote the person are another read model, and covered by the erasure.
    let app = contacts.caller().app();
    let head = app.commands().store().log().head();
    app.settle(Transmission::TYPE, Some(head)).await;
    Ok(answer)
}

/// `?erase=true`: the person's data in the log becomes unreadable as well.
struct Erase(bool);

impl FromRequestParts<App> for Erase {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        flag(&query_pairs(parts)?, "erase").map(Self)
    }
}

impl Describe for Erase {
    fn describe(sketch: &mut Sketch) {
        let said = "Also makes unreadable what history holds of the person; cannot be undone.";
        let flag = ObjectBuilder::new().schema_type(Type::Boolean);
        sketch.query("erase", said, flag);
    }
}

impl FromFields for ContactPatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            first_name: fields.text("first_name"),
            last_name: fields.text("last_name"),
            phone: fields.phone("phone"),
            email: fields.text("email"),
            address: fields.text("address"),
            timezone: fields.text("timezone"),
            custom1: fields.text("custom1"),
            custom2: fields.text("custom2"),
            custom3: fields.text("custom3"),
            description: fields.text("description"),
        }
    }
}
