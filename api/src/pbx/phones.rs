//! `/pbx/phones`.

use domain::{
    Patch,
    pbx::{PhoneDetails, PhoneModel, PhonePatch},
};
use projections::pbx::phones::PhoneRow;
use secrecy::SecretString;
use serde_json::json;

use super::record::{Kind, Target, WITHIN, create, delete, list, read, update};
use crate::{
    Result,
    authorization::own,
    extract::{Fields, FromFields},
    openapi::{Routes, op},
    sealing::seal,
};

/// The MAC address.
const MAC: &str = "`mac` is kept as it is written; only a phone with twelve hexadecimal digits there \
                   is provisioned.";

pub(super) fn routes() -> Routes {
    Routes::crud::<PhoneRow>("/pbx/phones", "phone")
        .create(
            create::<PhoneDetails>,
            op("Creates a phone")
                .note(MAC)
                .within(WITHIN)
                .requires(&["name", "phone_model_id", "mac"])
                .example(json!({
                    "name": "Reception", "phone_model_id": 1, "mac": "00:15:65:12:ab:cd",
                })),
        )
        .list(list::<PhoneDetails>, op("Lists phones"))
        .read(read::<PhoneDetails>, op("Reads a phone"))
        .update(
            update::<PhoneDetails>,
            op("Changes a phone").example(json!({"name": "Workshop"})),
        )
        .delete(delete::<PhoneDetails>, op("Deletes a phone"))
        .done()
}

impl Kind for PhoneDetails {
    type Row = PhoneRow;
    type Listed = PhoneRow;
    type Request = PhoneRequest;

    async fn patch(request: PhoneRequest, phone: &Target<'_, Self>) -> Result<PhonePatch> {
        if let Patch::Set(model) = request.patch.phone_model_id {
            own::<PhoneModel>(phone.caller, "phone_model_id", model).await?;
        }
        let vault = phone.caller.app().vault();
        Ok(PhonePatch {
            http_password: seal(vault, phone.id, "http_password", request.http_password)?,
            ..request.patch
        })
    }
}

/// A phone's fields, with a password that is still to be sealed.
#[derive(Debug)]
pub(super) struct PhoneRequest {
    patch: PhonePatch,
    http_password: Patch<SecretString>,
}

impl FromFields for PhoneRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        let patch = PhonePatch {
            name: fields.text("name"),
            phone_model_id: fields.id("phone_model_id"),
            mac: fields.text("mac"),
            filename: fields.text("filename"),
            http_user: fields.text("http_user"),
            http_password: Patch::Keep,
        };
        Self {
            patch,
            http_password: fields.secret("http_password"),
        }
    }
}
