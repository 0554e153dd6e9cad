//! `/messages/recordings`, also `/recordings`.

use domain::{
    Id,
    outreach::{Recording, RecordingCommand, RecordingPatch},
};
use projections::outreach::recordings::RecordingRow;

use crate::{
    Result,
    answer::Answer,
    extract::{Fields, FromFields, Input, Listing, Path},
    openapi::{Routes, alias, op},
    permit::{Create, Delete, List, Read, Reader, Update, Writer},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/messages/recordings",
            create,
            op("Creates a recording")
                .requires(&["name"])
                .id("recording"),
        )
        .get("/messages/recordings", list, op("Lists recordings"))
        .get(
            "/messages/recordings/{recording_id}",
            read,
            op("Reads a recording").row::<RecordingRow>(),
        )
        .put(
            "/messages/recordings/{recording_id}",
            update,
            op("Changes a recording").row::<RecordingRow>(),
        )
        .delete(
            "/messages/recordings/{recording_id}",
            delete,
            op("Deletes a recording").id("recording"),
        )
        .get(
            "/messages/recordings/{recording_id}/delete",
            delete,
            alias("DELETE /messages/recordings/{recording_id}"),
        )
        .spelt_also("/messages/recordings", "/recordings")
}

async fn create(
    recordings: Writer<Recording, Create>,
    Input(patch): Input<RecordingPatch>,
) -> Result<Answer> {
    let (id, owner) = (recordings.next_id().await?, recordings.user());
    recordings
        .created(id, RecordingCommand::Create { id, owner, patch })
        .await
}

async fn list(
    recordings: Reader<Recording, List>,
    listing: Listing<RecordingRow>,
) -> Result<Answer> {
    recordings.list(listing).await
}

async fn read(
    recordings: Reader<Recording, Read>,
    Path(id): Path<Id<Recording>>,
) -> Result<Answer> {
    recordings.find::<RecordingRow>(id.get()).await
}

async fn update(
    recordings: Writer<Recording, Update>,
    Path(id): Path<Id<Recording>>,
    Input(patch): Input<RecordingPatch>,
) -> Result<Answer> {
    recordings
        .updated::<RecordingRow>(id, RecordingCommand::Update(patch))
        .await
}

async fn delete(
    recordings: Writer<Recording, Delete>,
    Path(id): Path<Id<Recording>>,
) -> Result<Answer> {
    recordings.deleted(id, RecordingCommand::Delete).await
}

impl FromFields for RecordingPatch {
    /// `type` is left unread: what a file is, it says itself.
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            description: fields.text("description"),
        }
    }
}
