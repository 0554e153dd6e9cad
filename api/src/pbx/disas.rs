//! `/pbx/disas`.

use domain::{
    Patch,
    pbx::{DisaDetails, DisaPatch, check_pin},
};
use projections::pbx::disas::DisaRow;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::record::{Kind, Target, WITHIN, create, delete, list, read, update};
use crate::{
    Result,
    extract::{Fields, FromFields},
    openapi::{Routes, op},
    sealing::seal,
};

/// The PIN.
const PIN: &str = "A DISA has a PIN of 6 to 32 digits.";

pub(super) fn routes() -> Routes {
    Routes::crud::<DisaRow>("/pbx/disas", "disa")
        .create(
            create::<DisaDetails>,
            op("Creates a DISA")
                .note(PIN)
                .within(WITHIN)
                .requires(&["name", "pin"])
                .example(json!({
                    "name": "Field staff", "pin": "402917", "outbound": false, "timeout": 5,
                    "attempts": 3,
                })),
        )
        .list(list::<DisaDetails>, op("Lists DISAs"))
        .read(read::<DisaDetails>, op("Reads a DISA"))
        .update(
            update::<DisaDetails>,
            op("Changes a DISA")
                .note(PIN)
                .example(json!({"name": "Field service", "attempts": 2})),
        )
        .delete(delete::<DisaDetails>, op("Deletes a DISA"))
        .done()
}

impl Kind for DisaDetails {
    type Row = DisaRow;
    type Listed = DisaRow;
    type Request = DisaRequest;

    async fn patch(request: DisaRequest, disa: &Target<'_, Self>) -> Result<DisaPatch> {
        if let Patch::Set(pin) = &request.pin {
            check_pin(pin.expose_secret())?;
        }
        let vault = disa.caller.app().vault();
        Ok(DisaPatch {
            pin: seal(vault, disa.id, "pin", request.pin)?,
            ..request.patch
        })
    }
}

/// A DISA's fields, with a PIN that is still to be checked and sealed.
#[derive(Debug)]
pub(super) struct DisaRequest {
    patch: DisaPatch,
    pin: Patch<SecretString>,
}

impl FromFields for DisaRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        let patch = DisaPatch {
            name: fields.text("name"),
            pin: Patch::Keep,
            caller_id: fields.phone("caller_id"),
            outbound: fields.flag("outbound"),
            timeout: fields.number("timeout", 1..=300),
            attempts: fields.number("attempts", 1..=10),
        };
        Self {
            patch,
            pin: fields.secret("pin"),
        }
    }
}
