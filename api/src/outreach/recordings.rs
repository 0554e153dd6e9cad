//! `/messages/recordings`, also `/recordings`.

use domain::{
    Id,
    outreach::{MessageId, Recording, RecordingCommand, RecordingPatch},
};
use projections::outreach::{recordings::RecordingRow, uses};

use super::recording_sound::{append, download, upload};
use crate::{
    Result,
    answer::Answer,
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Update, Writer},
    extract::{Fields, FromFields, Input, Listing, Path},
    openapi::{Routes, op},
};

/// The content types that clients may announce.
const KINDS: [&str; 6] = [
    "audio/wav",
    "audio/mpeg",
    "audio/ogg",
    "audio/*",
    "application/ogg",
    "application/octet-stream",
];
/// The accepted formats.
const SOUND: &str = "WAV, MP3, OGG (Vorbis) or GSM 06.10, whatever it is called. It becomes WAV of 16 bits, \
    8 kHz, one channel.";

impl Noun for Recording {
    const NAME: &'static str = "recording";
    const OWNED: Owned = Owned::ByUsers("recording_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<RecordingRow>("/messages/recordings", "recording")
        .create(create, op("Creates a recording").requires(&["name"]))
        .list(list, op("Lists recordings"))
        .read(read, op("Reads a recording"))
        .update(update, op("Changes a recording"))
        .delete(
            delete,
            op("Deletes a recording").note("423 while a program names it."),
        )
        .done()
        .put(
            "/messages/recordings/{recording_id}/media",
            upload,
            op("Replaces what is heard in a recording")
                .note(SOUND)
                .takes(&KINDS)
                .answers(501, "What converts it is not installed.")
                .id("recording"),
        )
        .post(
            "/messages/recordings/{recording_id}/media",
            append,
            op("Adds sound to the end of a recording")
                .note(SOUND)
                .takes(&KINDS)
                .answers(501, "What converts it is not installed.")
                .id("recording"),
        )
        .get(
            "/messages/recordings/{recording_id}/media",
            download,
            op("Downloads a recording").file("audio/wav"),
        )
        .aliases(&["GET /messages/recordings/{recording_id}/download"])
        .spelt_also("/messages/recordings", "/recordings")
}

async fn create(
    recordings: Writer<Recording, Create>,
    Input(patch): Input<RecordingPatch>,
) -> Result<Answer> {
    let (id, owner) = (recordings.next_id().await?, recordings.owner()?);
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
    recordings.load(id).await?;
    let message = MessageId::Recording(id);
    let uses = uses::uses_of_message(recordings.pool(), message).await?;
    recordings.deleted(id, RecordingCommand::Delete(uses)).await
}

impl FromFields for RecordingPatch {
    /// Leaves `type` unread: the type is detected from the file itself.
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            description: fields.text("description"),
        }
    }
}
