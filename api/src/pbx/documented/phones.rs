//! `phone/…` of document 004.

use domain::{
    Id, Patch,
    access::Tenant,
    pbx::{Phone, PhoneCommand, PhoneDetails, PhoneModel, PhonePatch},
};
use projections::pbx::phones::PhoneRow;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{OfTenant, deleted, documented, required, tenant_rows, text};
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Create, Delete, List, Reader, Writer, own},
    extract::{Fields, Form, FromFields, Given},
    openapi::Routes,
    pbx::record::must_have_room,
    sealing::seal,
};

/// A phone in a list.
#[derive(Serialize, ToSchema)]
struct ListedPhone {
    ph_id: String,
    ph_name: String,
    ph_te_id: String,
    ph_pm_id: String,
    ph_mac: String,
    ph_filename: String,
}

/// The answer to a new phone.
#[derive(Serialize, ToSchema)]
struct Inserted {
    #[schema(example = "Record Inserted Successfully.")]
    msg: &'static str,
    #[serde(rename = "PhoneID")]
    phone_id: String,
}

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/phone/bytenant",
            by_tenant,
            documented("Lists the phones of a tenant")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<ListedPhone>(),
        )
        .post(
            "/phone/AddNewPhone",
            add,
            documented("Creates a phone")
                .note("Its `ph_name`, `ph_te_id`, `ph_pm_id` and `ph_mac` are required.")
                .requires(&["phone"])
                .example(json!({"phone": {
                    "ph_name": "Reception", "ph_te_id": 1, "ph_pm_id": 1, "ph_mac": "001565aabbcc",
                }}))
                .json::<Inserted>(),
        )
        .post(
            "/phone/deletebyid",
            delete,
            documented("Deletes a phone")
                .requires(&["phone_id"])
                .example(json!({"phone_id": 1}))
                .json::<String>(),
        )
}

async fn by_tenant(
    phones: Reader<Phone, List>,
    Form(OfTenant(tenant)): Form<OfTenant>,
) -> Result<Answer> {
    let shown = |row: PhoneRow| ListedPhone {
        ph_id: row.phone_id.to_string(),
        ph_name: text(row.name),
        ph_te_id: row.tenant_id.to_string(),
        ph_pm_id: text(row.phone_model_id),
        ph_mac: text(row.mac),
        ph_filename: text(row.filename),
    };
    tenant_rows(&phones, tenant, shown).await
}

async fn add(
    phones: Writer<Phone, Create>,
    Form(NewPhone(phone)): Form<NewPhone>,
) -> Result<Answer> {
    let phone = required("phone", phone)?;
    let tenant = required("ph_te_id", phone.tenant)?;
    for (field, is_there) in [
        ("ph_name", phone.patch.name != Patch::Keep),
        ("ph_mac", phone.patch.mac != Patch::Keep),
    ] {
        required(field, is_there.then_some(()))?;
    }
    let Patch::Set(model) = phone.patch.phone_model_id else {
        return Err(Error::invalid("ph_pm_id", "is required"));
    };
    let owner = phones
        .whole_tenant_of(tenant)
        .map_err(|_| Error::NotFound)?;
    own::<PhoneModel>(phones.caller(), "ph_pm_id", model).await?;
    must_have_room::<PhoneDetails>(phones.caller().app().pool(), owner.tenant).await?;
    let id = phones.next_id().await?;
    let vault = phones.caller().app().vault();
    let patch = PhonePatch {
        http_password: seal(vault, id, "http_password", phone.http_password)?,
        ..phone.patch
    };
    let owner = Some(owner);
    let done = phones
        .create(id, PhoneCommand::Create { id, owner, patch })
        .await?;
    let inserted = Answer::from_value(&Inserted {
        msg: "Record Inserted Successfully.",
        phone_id: id.to_string(),
    })?;
    Ok(inserted.late(done))
}

async fn delete(phones: Writer<Phone, Delete>, Form(PhoneId(id)): Form<PhoneId>) -> Result<Answer> {
    deleted(&phones, required("phone_id", id)?, PhoneCommand::Delete).await
}

/// The id of a phone.
struct PhoneId(Option<Id<Phone>>);

impl FromFields for PhoneId {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(fields.id("phone_id").given())
    }
}

/// The body of a new phone.
struct NewPhone(Option<NewPhoneFields>);

/// The fields of a new phone, with a password that is still to be sealed.
struct NewPhoneFields {
    tenant: Option<Id<Tenant>>,
    patch: PhonePatch,
    http_password: Patch<SecretString>,
}

impl FromFields for NewPhone {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(fields.object_in_text("phone").map(|mut inner| {
            let phone = NewPhoneFields {
                tenant: inner.id("ph_te_id").given(),
                patch: PhonePatch {
                    name: inner.text("ph_name"),
                    phone_model_id: inner.id("ph_pm_id"),
                    mac: inner.text_or_number("ph_mac"),
                    filename: inner.text("ph_filename"),
                    http_user: inner.text("ph_http_user"),
                    http_password: Patch::Keep,
                },
                http_password: inner.secret("ph_http_password"),
            };
            fields.adopt("phone", inner);
            phone
        }))
    }
}
