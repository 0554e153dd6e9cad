//! `/pbx/destinations`.

use domain::{
    Id,
    pbx::{DestinationDetails, DestinationPatch, Details as _},
};
use projections::pbx::destinations::{DestinationRow, count_of_source};
use serde_json::json;

use super::record::{Kind, Target, WITHIN, create, delete, list, read, update};
use crate::{
    Error, Result,
    extract::{Fields, FromFields},
    openapi::{Routes, op},
};

/// The most destinations of a source.
const MOST: i64 = 200;

/// The words.
const WORDS: &str = "Sources are DID, DID-UNCONDITIONAL, EXT-BUSY, EXT-NOANSWER, EXT-OFFLINE, \
                     EXT-UNCONDITIONAL, HUNTLIST, HUNTLIST-TIMEOUT, IVR_0 to IVR_9, IVR_STAR, \
                     IVR_SHARP, IVR_TIMEOUT, IVR_WRONG, CONDITION, NOTCONDITION and \
                     VOICEMAIL-OPERATOR; targets are EXT, HUNTLIST, IVR, CONDITION, VOICEMAIL, \
                     CUSTOM, DISA and HANGUP, which has no id. Other words are kept and lead \
                     nowhere. A source has at most 200 destinations (423).";

pub(super) fn routes() -> Routes {
    Routes::crud::<DestinationRow>("/pbx/destinations", "destination")
        .create(
            create::<DestinationDetails>,
            op("Creates a destination")
                .note(WORDS)
                .within(WITHIN)
                .requires(&["source_type", "source_id", "target_type"])
                .example(json!({
                    "source_type": "HUNTLIST", "source_id": 1, "target_type": "EXT", "target_id": 1,
                    "order": 1,
                })),
        )
        .list(list::<DestinationDetails>, op("Lists destinations"))
        .read(read::<DestinationDetails>, op("Reads a destination"))
        .update(
            update::<DestinationDetails>,
            op("Changes a destination")
                .note(WORDS)
                .example(json!({"order": 2})),
        )
        .delete(delete::<DestinationDetails>, op("Deletes a destination"))
        .done()
}

impl Kind for DestinationDetails {
    type Row = DestinationRow;
    type Listed = DestinationRow;
    type Request = DestinationPatch;

    async fn patch(
        request: DestinationPatch,
        destination: &Target<'_, Self>,
    ) -> Result<DestinationPatch> {
        let present = destination.present.cloned().unwrap_or_default();
        let before = source(&present);
        let details = present.patched(request.clone())?;
        if !destination.is_imported && before != source(&details) {
            must_have_room(&details, destination).await?;
        }
        Ok(request)
    }
}

/// The source of a destination, in the form in which sources are counted.
fn source(details: &DestinationDetails) -> Option<(String, i64)> {
    let word = details.source_type.as_ref()?.as_str().to_lowercase();
    Some((word, details.source_id?))
}

/// Refuses another destination of a source that has as many as it may have.
async fn must_have_room(
    details: &DestinationDetails,
    destination: &Target<'_, DestinationDetails>,
) -> Result<()> {
    let (Some(source_type), Some(source_id)) = (&details.source_type, details.source_id) else {
        return Ok(());
    };
    let tenant = destination.owner.ok_or(Error::NotFound)?.tenant;
    let pool = destination.caller.app().pool();
    if count_of_source(pool, tenant, source_type, source_id).await? < MOST {
        return Ok(());
    }
    let reason =
        format!("{source_type} {source_id} has {MOST} destinations, the most there can be");
    Err(Error::NotReady(reason))
}

impl FromFields for DestinationPatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            source_type: fields.text("source_type"),
            source_id: fields.id::<()>("source_id").map(Id::get),
            target_type: fields.text("target_type"),
            target_id: fields.id::<()>("target_id").map(Id::get),
            order: fields.number("order", 1..=10_000),
        }
    }
}
