//! `extension/…` of document 004.

use domain::{
    Entity as _, Id, Patch,
    access::Tenant,
    people::{Account, ExtensionPatch},
};
use projections::people::extensions::ExtensionRow;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{OfTenant, Updated, documented, renamed, required, tenant_rows, text, updated};
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Extension, List, Read, Reader, Secret, Update, Writer},
    extract::{Fields, Form, FromFields, Given},
    openapi::Routes,
    pbx::{
        extensions::{ExtensionRequest, update_command},
        provisioning::{Provisioning, read_secret},
    },
};

/// An extension.
#[derive(Serialize, ToSchema)]
struct DocumentedExtension {
    ex_id: String,
    ex_name: String,
    ex_number: String,
    ex_cidnum: String,
    ex_cidname: String,
    ex_callwaiting: String,
}

impl From<ExtensionRow> for DocumentedExtension {
    fn from(row: ExtensionRow) -> Self {
        Self {
            ex_id: row.extension_id.to_string(),
            ex_name: text(row.name),
            ex_number: text(row.number),
            ex_cidnum: text(row.cid_number),
            ex_cidname: text(row.cid_name),
            ex_callwaiting: text(row.call_waiting),
        }
    }
}

/// The SIP user of an extension.
#[derive(Serialize, ToSchema)]
struct SipUser {
    name: String,
    host: &'static str,
    secret: String,
}

/// The number that an extension's calls show.
#[derive(Serialize, ToSchema)]
struct CidNumber {
    ex_cidnum: String,
}

/// The number that an extension's follow-me legs show.
#[derive(Serialize, ToSchema)]
struct FollowMeCallerId {
    #[serde(rename = "GetFMFCallerId")]
    caller_id: String,
}

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/extension/bytenant",
            by_tenant,
            documented("Lists the extensions of a tenant")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<DocumentedExtension>(),
        )
        .post(
            "/extension/byid",
            by_id,
            documented("Reads an extension")
                .requires(&["extension_id"])
                .example(json!({"extension_id": 1}))
                .array_of::<DocumentedExtension>(),
        )
        .post(
            "/extension/user",
            user,
            documented("Reads the SIP user of an extension")
                .note("With its secret; each such read is an event.")
                .requires(&["tenant_id", "extension_id"])
                .example(json!({"tenant_id": 1, "extension_id": 1}))
                .array_of::<SipUser>(),
        )
        .post(
            "/extension/usersecret",
            user_secret,
            documented("Reads the SIP secret of an extension")
                .note("Each such read is an event.")
                .requires(&["tenant_id", "extension_id"])
                .example(json!({"tenant_id": 1, "extension_id": 1}))
                .json::<String>(),
        )
        .post(
            "/extension/getCidNumber",
            cid_number,
            documented("Reads the number that an extension's calls show")
                .requires(&["extension_id"])
                .example(json!({"extension_id": 1}))
                .json::<String>(),
        )
        .post(
            "/extension/getCidNumberList",
            cid_numbers,
            documented("Lists the numbers that the calls of a tenant's extensions show")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<CidNumber>(),
        )
        .post(
            "/extension/GetFMFCallerId",
            follow_me,
            documented("Reads the number that an extension's follow-me legs show")
                .requires(&["extension_id"])
                .example(json!({"extension_id": 1}))
                .json::<String>(),
        )
        .post(
            "/extension/GetFMFCallerIdList",
            follow_mes,
            documented("Lists the numbers that the follow-me legs of a tenant's extensions show")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<FollowMeCallerId>(),
        )
        .post(
            "/extension/updatebyid",
            update,
            documented("Changes an extension")
                .requires(&["extension_id", "extension"])
                .example(json!({"extension_id": 1, "extension": {"ex_name": "Ada"}}))
                .json::<Updated>(),
        )
}

async fn by_tenant(
    extensions: Reader<Extension, List>,
    Form(OfTenant(tenant)): Form<OfTenant>,
) -> Result<Answer> {
    let shown = |row: ExtensionRow| DocumentedExtension::from(row);
    tenant_rows(&extensions, tenant, shown).await
}

async fn by_id(
    extensions: Reader<Extension, Read>,
    Form(ExtensionId(id)): Form<ExtensionId>,
) -> Result<Answer> {
    let row: ExtensionRow = extensions.row(required("extension_id", id)?.get()).await?;
    Answer::from_value(&[DocumentedExtension::from(row)])
}

async fn user(
    extensions: Writer<Account, Secret, Extension>,
    Form(OfTenantAndId { tenant, id }): Form<OfTenantAndId>,
) -> Result<Answer> {
    let settings = secret_of(&extensions, tenant, id).await?;
    Answer::from_value(&[SipUser {
        name: settings.sip_user,
        host: "dynamic",
        secret: settings.secret,
    }])
}

async fn user_secret(
    extensions: Writer<Account, Secret, Extension>,
    Form(OfTenantAndId { tenant, id }): Form<OfTenantAndId>,
) -> Result<Answer> {
    let settings = secret_of(&extensions, tenant, id).await?;
    Answer::from_value(&settings.secret)
}

/// The settings of an extension of this tenant, secret included.
async fn secret_of(
    extensions: &Writer<Account, Secret, Extension>,
    tenant: Option<Id<Tenant>>,
    id: Option<Id<Account>>,
) -> Result<Provisioning> {
    let (tenant, id) = (
        required("tenant_id", tenant)?,
        required("extension_id", id)?,
    );
    let owner = extensions.load(id).await?.aggregate.owner();
    if owner.is_none_or(|owner| owner.tenant != tenant) {
        return Err(Error::NotFound);
    }
    read_secret(extensions, id).await
}

async fn cid_number(
    extensions: Reader<Extension, Read>,
    Form(ExtensionId(id)): Form<ExtensionId>,
) -> Result<Answer> {
    let row: ExtensionRow = extensions.row(required("extension_id", id)?.get()).await?;
    Answer::from_value(&text(row.cid_number))
}

async fn cid_numbers(
    extensions: Reader<Extension, List>,
    Form(OfTenant(tenant)): Form<OfTenant>,
) -> Result<Answer> {
    let shown = |row: ExtensionRow| CidNumber {
        ex_cidnum: text(row.cid_number),
    };
    tenant_rows(&extensions, tenant, shown).await
}

async fn follow_me(
    extensions: Reader<Extension, Read>,
    Form(ExtensionId(id)): Form<ExtensionId>,
) -> Result<Answer> {
    let row: ExtensionRow = extensions.row(required("extension_id", id)?.get()).await?;
    Answer::from_value(&text(row.follow_me_caller_id))
}

async fn follow_mes(
    extensions: Reader<Extension, List>,
    Form(OfTenant(tenant)): Form<OfTenant>,
) -> Result<Answer> {
    let shown = |row: ExtensionRow| FollowMeCallerId {
        caller_id: text(row.follow_me_caller_id),
    };
    tenant_rows(&extensions, tenant, shown).await
}

async fn update(
    extensions: Writer<Account, Update, Extension>,
    Form(Changed { id, request }): Form<Changed>,
) -> Result<Answer> {
    let id = required("extension_id", id)?;
    let request = required("extension", request)?;
    let changed = async {
        let update = update_command(&extensions, id, request).await?;
        updated(&extensions, id, update).await
    };
    let names = [("name", "ex_name"), ("number", "ex_number")];
    changed.await.map_err(|error| renamed(error, &names))
}

/// The id of an extension.
struct ExtensionId(Option<Id<Account>>);

impl FromFields for ExtensionId {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(fields.id("extension_id").given())
    }
}

/// An extension of a tenant.
struct OfTenantAndId {
    tenant: Option<Id<Tenant>>,
    id: Option<Id<Account>>,
}

impl FromFields for OfTenantAndId {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            tenant: fields.id("tenant_id").given(),
            id: fields.id("extension_id").given(),
        }
    }
}

/// A change of an extension.
struct Changed {
    id: Option<Id<Account>>,
    request: Option<ExtensionRequest>,
}

impl FromFields for Changed {
    fn from_fields(fields: &mut Fields) -> Self {
        let id = fields.id("extension_id").given();
        let request = fields.object_in_text("extension").map(|mut inner| {
            let request = ExtensionRequest {
                name: inner.text("ex_name"),
                secret: Patch::Keep,
                active: Patch::Keep,
                details: ExtensionPatch {
                    number: inner.text_or_number("ex_number"),
                    cid_number: inner.phone("ex_cidnum"),
                    cid_name: inner.text("ex_cidname"),
                    follow_me_caller_id: inner.phone("ex_fmfmcallerid"),
                    call_waiting: inner.text("ex_callwaiting"),
                    ring_time: Patch::Keep,
                },
            };
            fields.adopt("extension", inner);
            request
        });
        Self { id, request }
    }
}
