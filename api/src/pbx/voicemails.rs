//! `/pbx/voicemails`.

use domain::{
    Patch,
    pbx::{VoicemailDetails, VoicemailPatch},
};
use projections::pbx::voicemails::VoicemailRow;
use secrecy::SecretString;
use serde_json::json;

use super::record::{Kind, Target, WITHIN, create, delete, list, read, update};
use crate::{
    Result,
    extract::{Fields, FromFields},
    openapi::{Routes, op},
    sealing::seal,
};

pub(super) fn routes() -> Routes {
    Routes::crud::<VoicemailRow>("/pbx/voicemails", "voicemail")
        .create(
            create::<VoicemailDetails>,
            op("Creates a voicemail box")
                .within(WITHIN)
                .requires(&["fullname"])
                .example(json!({
                    "mailbox": "600", "fullname": "Ada Lovelace", "email": "ada@example.com",
                })),
        )
        .list(list::<VoicemailDetails>, op("Lists voicemail boxes"))
        .read(read::<VoicemailDetails>, op("Reads a voicemail box"))
        .update(
            update::<VoicemailDetails>,
            op("Changes a voicemail box").example(json!({"fullname": "Grace Hopper"})),
        )
        .delete(delete::<VoicemailDetails>, op("Deletes a voicemail box"))
        .done()
}

impl Kind for VoicemailDetails {
    type Row = VoicemailRow;
    type Listed = VoicemailRow;
    type Request = VoicemailRequest;

    async fn patch(
        request: VoicemailRequest,
        voicemail: &Target<'_, Self>,
    ) -> Result<VoicemailPatch> {
        let vault = voicemail.caller.app().vault();
        Ok(VoicemailPatch {
            pin: seal(vault, voicemail.id, "pin", request.pin)?,
            ..request.patch
        })
    }
}

/// A voicemail box's fields, with a PIN that is still to be sealed.
#[derive(Debug)]
pub(super) struct VoicemailRequest {
    patch: VoicemailPatch,
    pin: Patch<SecretString>,
}

impl FromFields for VoicemailRequest {
    fn from_fields(fields: &mut Fields) -> Self {
        let patch = VoicemailPatch {
            mailbox: fields.text_or_number("mailbox"),
            fullname: fields.text("fullname"),
            email: fields.text("email"),
            pin: Patch::Keep,
        };
        Self {
            patch,
            pin: fields.secret("pin"),
        }
    }
}
