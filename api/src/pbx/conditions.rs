//! `/pbx/conditions`.

use domain::pbx::{CONDITION_PARAMS, ConditionDetails, ConditionPatch};
use projections::pbx::conditions::ConditionRow;
use serde_json::json;

use super::record::{Kind, Target, WITHIN, create, delete, list, read, update};
use crate::{
    Result,
    extract::{Fields, FromFields},
    openapi::{Routes, op},
};

/// The fields of the parameters.
const PARAMS: [&str; CONDITION_PARAMS] = [
    "param1", "param2", "param3", "param4", "param5", "param6", "param7", "param8", "param9",
    "param10", "param11", "param12",
];

/// The outcomes.
const OUTCOMES: &str = "A call that the condition is true for goes on to the destinations whose \
                        source is `CONDITION`, any other call to those of `NOTCONDITION`.";

pub(super) fn routes() -> Routes {
    Routes::crud::<ConditionRow>("/pbx/conditions", "condition")
        .create(
            create::<ConditionDetails>,
            op("Creates a condition")
                .note(OUTCOMES)
                .within(WITHIN)
                .requires(&["name", "condition_type"])
                .example(json!({
                    "name": "Office hours", "condition_type": "WEEKTIME",
                    "timezone": "Europe/London", "param1": "09:00", "param2": "17:00",
                })),
        )
        .list(list::<ConditionDetails>, op("Lists conditions"))
        .read(read::<ConditionDetails>, op("Reads a condition"))
        .update(
            update::<ConditionDetails>,
            op("Changes a condition")
                .example(json!({"name": "Lunch", "param1": "12:00", "param2": "13:00"})),
        )
        .delete(delete::<ConditionDetails>, op("Deletes a condition"))
        .done()
}

impl Kind for ConditionDetails {
    /// Whether one is understood is found out anew for all of them.
    const MAX_RECORDS: usize = 1_000;

    type Row = ConditionRow;
    type Listed = ConditionRow;
    type Request = ConditionPatch;

    async fn patch(request: ConditionPatch, _: &Target<'_, Self>) -> Result<ConditionPatch> {
        Ok(request)
    }
}

impl FromFields for ConditionPatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            condition_type: fields.text("condition_type"),
            timezone: fields.text("timezone"),
            params: PARAMS.map(|name| fields.text_or_number(name)),
        }
    }
}
