//! `hunt/…` of document 004.

use domain::{
    Id,
    pbx::{Hunt, HuntCommand, HuntPatch},
};
use projections::pbx::hunts::HuntRow;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    OfTenant, Updated, deleted, documented, flag, required, tenant_rows, text, updated,
    yes_or_empty,
};
use crate::{
    Result,
    answer::Answer,
    authorization::{Delete, List, Read, Reader, Update, Writer},
    extract::{Fields, Form, FromFields, Given},
    openapi::Routes,
};

/// A hunt group in a list.
#[derive(Serialize, ToSchema)]
struct ListedHunt {
    hu_id: String,
    hu_number: String,
    hu_name: String,
    hu_type: String,
    hu_ringtime: String,
}

/// A hunt group by itself.
#[derive(Serialize, ToSchema)]
struct DocumentedHunt {
    hu_id: String,
    hu_number: String,
    hu_name: String,
    hu_type: String,
    hu_ringtime: String,
    hu_checkinuse: &'static str,
}

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/hunt/bytenant",
            by_tenant,
            documented("Lists the hunt groups of a tenant")
                .requires(&["tenant_id"])
                .example(json!({"tenant_id": 1}))
                .array_of::<ListedHunt>(),
        )
        .post(
            "/hunt/byid",
            by_id,
            documented("Reads a hunt group")
                .requires(&["hunt_id"])
                .example(json!({"hunt_id": 1}))
                .array_of::<DocumentedHunt>(),
        )
        .post(
            "/hunt/updatebyid",
            update,
            documented("Changes a hunt group")
                .requires(&["hunt_id", "hunt"])
                .example(json!({"hunt_id": 1, "hunt": {"hu_name": "Sales"}}))
                .json::<Updated>(),
        )
        .post(
            "/hunt/deletebyid",
            delete,
            documented("Deletes a hunt group")
                .requires(&["hunt_id"])
                .example(json!({"hunt_id": 1}))
                .json::<String>(),
        )
}

async fn by_tenant(
    hunts: Reader<Hunt, List>,
    Form(OfTenant(tenant)): Form<OfTenant>,
) -> Result<Answer> {
    let shown = |row: HuntRow| ListedHunt {
        hu_id: row.hunt_id.to_string(),
        hu_number: text(row.number),
        hu_name: text(row.name),
        hu_type: text(row.hunt_type),
        hu_ringtime: text(row.ring_time),
    };
    tenant_rows(&hunts, tenant, shown).await
}

async fn by_id(hunts: Reader<Hunt, Read>, Form(HuntId(id)): Form<HuntId>) -> Result<Answer> {
    let row: HuntRow = hunts.row(required("hunt_id", id)?.get()).await?;
    Answer::from_value(&[DocumentedHunt {
        hu_id: row.hunt_id.to_string(),
        hu_number: text(row.number),
        hu_name: text(row.name),
        hu_type: text(row.hunt_type),
        hu_ringtime: text(row.ring_time),
        hu_checkinuse: yes_or_empty(row.check_in_use),
    }])
}

async fn update(
    hunts: Writer<Hunt, Update>,
    Form(Changed { id, patch }): Form<Changed>,
) -> Result<Answer> {
    let (id, patch) = (required("hunt_id", id)?, required("hunt", patch)?);
    updated(&hunts, id, HuntCommand::Update(patch)).await
}

async fn delete(hunts: Writer<Hunt, Delete>, Form(HuntId(id)): Form<HuntId>) -> Result<Answer> {
    deleted(&hunts, required("hunt_id", id)?, HuntCommand::Delete).await
}

/// The id of a hunt group.
struct HuntId(Option<Id<Hunt>>);

impl FromFields for HuntId {
    fn from_fields(fields: &mut Fields) -> Self {
        Self(fields.id("hunt_id").given())
    }
}

/// A change of a hunt group.
struct Changed {
    id: Option<Id<Hunt>>,
    patch: Option<HuntPatch>,
}

impl FromFields for Changed {
    fn from_fields(fields: &mut Fields) -> Self {
        let id = fields.id("hunt_id").given();
        let patch = fields.object_in_text("hunt").map(|mut inner| {
            let patch = HuntPatch {
                number: inner.text_or_number("hu_number"),
                name: inner.text("hu_name"),
                hunt_type: inner.text("hu_type"),
                ring_time: inner.number("hu_ringtime", 1..=3_600),
                check_in_use: flag(&mut inner, "hu_checkinuse"),
            };
            fields.adopt("hunt", inner);
            patch
        });
        Self { id, patch }
    }
}
