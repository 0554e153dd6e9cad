//! `did/…` of document 004.

use domain::{
    Id, Patch,
    people::{Account, DidPatch},
};
use projections::people::dids::DidRow;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    OfTenant, Updated, documented, renamed, required, tenant_rows, text, updated, yes_or_no,
};
use crate::{
    Result,
    answer::Answer,
    authorization::{Did, List, Read, Reader, Update, Writer},
    extract::{Fields, Form, FromFields, Given},
    openapi::Routes,
    pbx::dids::{DidRequest, update_command},
};

/// A DID in a list.
#[derive(Serialize, ToSchema)]
struct ListedDid {
    di_id: String,
    di_country: String,
    di_area: String,
    di_number: String,
    di_comment: String,
}

/// A DID by itself, without its id.
#[derive(Serialize, ToSchema)]
struct DocumentedDid {
    di_te_id: String,
    di_country: String,
    di_area: String,
    di_number: String,
    di_comment: String,
    di_recording: &'static str,
    di_fax: &'static str,
    di_didprefix: String,
    di_didnameprefix: String,
}

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/did/bytenant",
            by_tenant,
            documented("Lists the DIDs of a tenant")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<ListedDid>(),
        )
        .post(
            "/did/byid",
            by_id,
            documented("Reads a DID")
                .requires(&["did_id"])
                .example(json!({"did_id": 1}))
                .array_of::<DocumentedDid>(),
        )
        .post(
            "/did/updatebyid",
            update,
            documented("Changes a DID")
                .note(
                    "A number that is not assigned to the tenant is stored, and nothing comes in \
                     at it: `GET /pbx/dids?conflict=1` lists such DIDs.",
                )
                .requires(&["did_id", "did"])
                .example(json!({"did_id": 1, "did": {"di_comment": "Main"}}))
                .json::<Updated>(),
        )
}

async fn by_tenant(
    dids: Reader<Did, List>,
    Form(OfTenant(tenant)): Form<OfTenant>,
) -> Result<Answer> {
    let shown = |row: DidRow| ListedDid {
        di_id: row.did_id.to_string(),
        di_country: text(row.country),
        di_area: text(row.area),
        di_number: text(row.number),
        di_comment: text(row.comment),
    };
    tenant_rows(&dids, tenant, shown).await
}

async fn by_id(dids: Reader<Did, Read>, Form(DidId(id)): Form<DidId>) -> Result<Answer> {
    let row: DidRow = dids.row(required("did_id", id)?.get()).await?;
    Answer::from_value(&[DocumentedDid {
        di_te_id: row.tenant_id.to_string(),
        di_country: text(row.country),
        di_area: text(row.area),
        di_number: text(row.number),
        di_comment: text(row.comment),
        di_recording: yes_or_no(row.recording),
        di_fax: yes_or_no(row.fax),
        di_didprefix: text(row.prefix),
        di_didnameprefix: text(row.name_prefix),
    }])
}

async fn update(
    dids: Writer<Account, Update, Did>,
    Form(Changed { id, request }): Form<Changed>,
) -> Result<Answer> {
    let (id, request) = (required("did_id", id)?, required("did", request)?);
    let changed = async {
        let update = update_command(&dids, id, request).await?;
        updated(&dids, id, update).await
    };
    let names = [("number", "di_number"), ("phone", "di_number")];
    changed.await.map_err(|error| renamed(error, &names))
}

/// The id of a DID.
struct DidId(Option<Id<Account>>);

impl FromFields for DidId {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(fields.id("did_id").given())
    }
}

/// A change of a DID.
struct Changed {
    id: Option<Id<Account>>,
    request: Option<DidRequest>,
}

impl FromFields for Changed {
    fn from_fields(fields: &mut Fields) -> Self {
        let id = fields.id("did_id").given();
        let request = fields.object_in_text("did").map(|mut inner| {
            let request = DidRequest {
                number: inner.phone("di_number"),
                active: Patch::Keep,
                details: DidPatch {
                    country: inner.text("di_country"),
                    area: inner.text("di_area"),
                    comment: inner.text("di_comment"),
                    recording: super::flag(&mut inner, "di_recording"),
                    fax: super::flag(&mut inner, "di_fax"),
                    prefix: inner.text_or_number("di_didprefix"),
                    name_prefix: inner.text("di_didnameprefix"),
                },
            };
            fields.adopt("did", inner);
            request
        });
        Self { id, request }
    }
}
