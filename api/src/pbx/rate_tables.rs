//! `/pbx/rate_tables`.

use domain::pbx::{MAX_RATES, Rate, RateTableDetails, RateTablePatch};
use projections::pbx::rate_tables::{RateTableRow, RateTableSummary};
use serde_json::json;

use super::record::{Kind, Target, WITHIN, create, delete, list, read, update};
use crate::{
    Result,
    extract::{Fields, FromFields, Given as _},
    openapi::{Routes, op},
};

/// The highest price, in millionths of the currency.
const HIGHEST: i64 = 1_000_000_000_000;

/// The rates.
const RATES: &str = "Prices are in millionths of the currency. The longest `prefix` that a number \
                     begins with decides; an empty one is for all other numbers. Lists show the \
                     number of rates in their place.";

pub(super) fn routes() -> Routes {
    Routes::crud::<RateTableRow>("/pbx/rate_tables", "rate_table")
        .create(
            create::<RateTableDetails>,
            op("Creates a rate table")
                .note(RATES)
                .within(WITHIN)
                .requires(&["name"])
                .example(json!({
                    "name": "Standard", "currency": "EUR",
                    "rates": [
                        {"prefix": "43", "per_minute": 20_000, "per_call": 0, "increment": 60},
                    ],
                })),
        )
        .list(list::<RateTableDetails>, op("Lists rate tables"))
        .read(read::<RateTableDetails>, op("Reads a rate table"))
        .update(
            update::<RateTableDetails>,
            op("Changes a rate table").note(RATES).example(
                json!({"name": "Reduced", "rates": [{"prefix": "43", "per_minute": 15_000}]}),
            ),
        )
        .delete(delete::<RateTableDetails>, op("Deletes a rate table"))
        .done()
}

impl Kind for RateTableDetails {
    /// Each has thousands of rates.
    const MAX_RECORDS: usize = 100;

    type Row = RateTableRow;
    type Listed = RateTableSummary;
    type Request = RateTablePatch;

    async fn patch(request: RateTablePatch, _: &Target<'_, Self>) -> Result<RateTablePatch> {
        Ok(request)
    }
}

impl FromFields for RateTablePatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            currency: fields.text("currency"),
            rates: fields.objects("rates", MAX_RATES, rate),
        }
    }
}

fn rate(fields: &mut Fields) -> Rate {
    let price = fields.number("per_minute", 0..=HIGHEST);
    let price = fields.required("per_minute", price);
    Rate {
        prefix: fields.text_or_number("prefix").given().unwrap_or_default(),
        per_minute: price.unwrap_or_default(),
        per_call: fields
            .number("per_call", 0..=HIGHEST)
            .given()
            .unwrap_or_default(),
        increment: fields.number("increment", 1..=3_600).given().unwrap_or(1),
    }
}
