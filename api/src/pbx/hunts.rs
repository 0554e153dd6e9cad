//! `/pbx/hunts`.

use domain::pbx::{HuntDetails, HuntPatch};
use projections::pbx::hunts::HuntRow;
use serde_json::json;

use super::record::{Kind, Target, WITHIN, create, delete, list, read, update};
use crate::{
    Result,
    extract::{Fields, FromFields},
    openapi::{Routes, op},
};

/// The members.
const MEMBERS: &str = "The members are the destinations whose source is the hunt group \
                       (`HUNTLIST`), in their order.";

pub(super) fn routes() -> Routes {
    Routes::crud::<HuntRow>("/pbx/hunts", "hunt")
        .create(
            create::<HuntDetails>,
            op("Creates a hunt group")
                .note(MEMBERS)
                .within(WITHIN)
                .requires(&["number", "name"])
                .example(json!({
                    "number": "600", "name": "Sales", "hunt_type": "Ring All", "ring_time": 20,
                })),
        )
        .list(list::<HuntDetails>, op("Lists hunt groups"))
        .read(read::<HuntDetails>, op("Reads a hunt group"))
        .update(
            update::<HuntDetails>,
            op("Changes a hunt group").example(json!({"name": "Support", "ring_time": 30})),
        )
        .delete(delete::<HuntDetails>, op("Deletes a hunt group"))
        .done()
}

impl Kind for HuntDetails {
    type Row = HuntRow;
    type Listed = HuntRow;
    type Request = HuntPatch;

    async fn patch(request: HuntPatch, _: &Target<'_, Self>) -> Result<HuntPatch> {
        Ok(request)
    }
}

impl FromFields for HuntPatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            number: fields.text_or_number("number"),
            name: fields.text("name"),
            hunt_type: fields.text("hunt_type"),
            ring_time: fields.number("ring_time", 1..=3_600),
            check_in_use: fields.flag("check_in_use"),
        }
    }
}
