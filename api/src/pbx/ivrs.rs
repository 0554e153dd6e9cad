//! `/pbx/ivrs`.

use domain::{
    Patch,
    outreach::Recording,
    pbx::{IvrDetails, IvrPatch},
};
use projections::pbx::ivrs::IvrRow;
use serde_json::json;

use super::record::{Kind, Target, WITHIN, create, delete, list, read, update};
use crate::{
    Error, Result,
    authorization::own_in,
    extract::{Fields, FromFields},
    openapi::{Routes, op},
};

/// The choices.
const CHOICES: &str = "The choices are the destinations whose source is the IVR (`IVR_0` to \
                       `IVR_9`, `IVR_STAR`, `IVR_SHARP`, `IVR_TIMEOUT`, `IVR_WRONG`).";

pub(super) fn routes() -> Routes {
    Routes::crud::<IvrRow>("/pbx/ivrs", "ivr")
        .create(
            create::<IvrDetails>,
            op("Creates an IVR")
                .note(CHOICES)
                .within(WITHIN)
                .requires(&["name"])
                .example(json!({"name": "Welcome", "recording_id": 1, "timeout": 5})),
        )
        .list(list::<IvrDetails>, op("Lists IVRs"))
        .read(read::<IvrDetails>, op("Reads an IVR"))
        .update(
            update::<IvrDetails>,
            op("Changes an IVR").example(json!({"name": "Good evening", "timeout": 8})),
        )
        .delete(delete::<IvrDetails>, op("Deletes an IVR"))
        .done()
}

impl Kind for IvrDetails {
    type Row = IvrRow;
    type Listed = IvrRow;
    type Request = IvrPatch;

    async fn patch(request: IvrPatch, ivr: &Target<'_, Self>) -> Result<IvrPatch> {
        if let Patch::Set(recording) = request.recording_id {
            let owner = ivr.owner.ok_or(Error::NotFound)?;
            own_in::<Recording>(ivr.caller, owner.tenant, "recording_id", recording).await?;
        }
        Ok(request)
    }
}

impl FromFields for IvrPatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            recording_id: fields.id("recording_id"),
            timeout: fields.number("timeout", 1..=300),
        }
    }
}
