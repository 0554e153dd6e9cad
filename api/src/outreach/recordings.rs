//! `/messages/recordings`, also `/recordings`.

use axum::{
    Router,
    routing::{get, post},
};
use domain::{
    Id,
    outreach::{Recording, RecordingCommand, RecordingPatch},
};
use projections::outreach::recordings::RecordingRow;

use crate::{
    App, Result,
    answer::Answer,
    extract::{Fields, FromFields, Input, Listing, Path},
    permit::{Create, Delete, List, Read, Reader, Update, Writer},
};

pub(super) fn routes() -> Router<App> {
    let spelt = |recordings: &str| {
        let one = format!("{recordings}/{{recording_id}}");
        Router::new()
            .route(recordings, post(create).get(list))
            .route(&one, get(read).put(update).delete(delete))
            .route(&format!("{one}/delete"), get(delete))
    };
    spelt("/messages/recordings").merge(spelt("/recordings"))
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
