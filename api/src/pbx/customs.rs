//! `/pbx/customs`: custom destinations.

use domain::pbx::{CustomDetails, CustomKind, CustomPatch};
use projections::pbx::customs::CustomRow;
use serde_json::json;

use super::record::{Kind, Target, WITHIN, create, delete, list, read, update};
use crate::{
    Result,
    extract::{Fields, FromFields},
    openapi::{Routes, op},
};

/// The types.
const TYPES: [&str; 1] = ["forward"];

pub(super) fn routes() -> Routes {
    Routes::crud::<CustomRow>("/pbx/customs", "custom")
        .create(
            create::<CustomDetails>,
            op("Creates a custom destination")
                .within(WITHIN)
                .requires(&["name", "number"])
                .example(json!({
                    "name": "Night watch", "custom_type": "forward", "number": "+15550100",
                })),
        )
        .list(list::<CustomDetails>, op("Lists custom destinations"))
        .read(read::<CustomDetails>, op("Reads a custom destination"))
        .update(
            update::<CustomDetails>,
            op("Changes a custom destination")
                .example(json!({"name": "Day watch", "number": "+15550101"})),
        )
        .delete(delete::<CustomDetails>, op("Deletes a custom destination"))
        .done()
}

impl Kind for CustomDetails {
    type Row = CustomRow;
    type Listed = CustomRow;
    type Request = CustomPatch;

    async fn patch(request: CustomPatch, _: &Target<'_, Self>) -> Result<CustomPatch> {
        Ok(request)
    }
}

impl FromFields for CustomPatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            kind: fields.one_of("custom_type", &TYPES, CustomKind::from_word),
            number: fields.phone("number"),
        }
    }
}
