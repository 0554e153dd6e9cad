//! `/pbx/phone_models`: they belong to the installation.

use domain::pbx::{PhoneModelDetails, PhoneModelPatch};
use projections::pbx::phone_models::PhoneModelRow;
use serde_json::json;

use super::record::{Kind, Target, create, delete, list, read, update};
use crate::{
    Result,
    authorization::Owned,
    extract::{Fields, FromFields},
    openapi::{Routes, op},
};

pub(super) fn routes() -> Routes {
    Routes::crud::<PhoneModelRow>("/pbx/phone_models", "phone_model")
        .create(
            create::<PhoneModelDetails>,
            op("Creates a model of phones")
                .requires(&["name"])
                .example(json!({"name": "T46S", "vendor": "Yealink"})),
        )
        .list(list::<PhoneModelDetails>, op("Lists models of phones"))
        .read(read::<PhoneModelDetails>, op("Reads a model of phones"))
        .update(
            update::<PhoneModelDetails>,
            op("Changes a model of phones").example(json!({"name": "T48S"})),
        )
        .delete(delete::<PhoneModelDetails>, op("Deletes a model of phones"))
        .done()
}

impl Kind for PhoneModelDetails {
    const OWNED: Owned = Owned::Shared;
    type Row = PhoneModelRow;
    type Listed = PhoneModelRow;
    type Request = PhoneModelPatch;

    async fn patch(request: PhoneModelPatch, _: &Target<'_, Self>) -> Result<PhoneModelPatch> {
        Ok(request)
    }
}

impl FromFields for PhoneModelPatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            vendor: fields.text("vendor"),
        }
    }
}
