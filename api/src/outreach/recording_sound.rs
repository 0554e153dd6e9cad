//! `/messages/recordings/{recording_id}/media`: the sound of recordings.

use ::media::{
    conversion::Workroom,
    sound::{self, Samples, SoundError},
};
use axum::response::Response;
use domain::{
    Id,
    outreach::{Attachment, MediaHash, Recording, RecordingCommand, Sound},
};
use futures::{StreamExt, TryStreamExt};
use projections::outreach::recordings::RecordingRow;

use super::media::{self, Upload};
use crate::{
    App, Error, Result,
    answer::{Answer, id_of},
    authorization::{Caller, Read, Reader, Update, Writer},
    extract::Path,
};

/// The name of the upload in its workroom.
const UPLOAD: &str = "upload";
/// The most attempts to add sound to a recording that others change meanwhile.
const TRIES: usize = 3;

pub(super) async fn upload(
    recordings: Writer<Recording, Update>,
    Path(id): Path<Id<Recording>>,
    upload: Upload,
) -> Result<Answer> {
    // Before the upload is read: an unknown recording is refused first.
    recordings.load(id).await?;
    let caller = recordings.caller();
    let new = Uploaded::receive(caller, upload).await?;
    let sound = new.stored(caller.app(), None).await?;
    let replace = RecordingCommand::Replace(sound);
    recordings
        .answered(id, replace, id_of("recording", id.get()))
        .await
}

pub(super) async fn append(
    recordings: Writer<Recording, Update>,
    Path(id): Path<Id<Recording>>,
    upload: Upload,
) -> Result<Answer> {
    let before = recordings.load(id).await?;
    let mut before = before.aggregate.sound().cloned();
    let new = Uploaded::receive(recordings.caller(), upload).await?;
    for _ in 1..TRIES {
        match extend(&recordings, id, &new, before.as_ref()).await {
            Err(Error::NotReady(_)) => {
                before = recordings.load(id).await?.aggregate.sound().cloned();
            }
            done => return done,
        }
    }
    extend(&recordings, id, &new, before.as_ref()).await
}

async fn extend(
    recordings: &Writer<Recording, Update>,
    id: Id<Recording>,
    new: &Uploaded,
    before: Option<&Sound>,
) -> Result<Answer> {
    let whole = new.stored(recordings.caller().app(), before).await?;
    let after = before.map(|sound| sound.media.clone());
    let command = RecordingCommand::Extend { after, whole };
    recordings
        .answered(id, command, id_of("recording", id.get()))
        .await
}

pub(super) async fn download(
    recordings: Reader<Recording, Read>,
    Path(id): Path<Id<Recording>>,
) -> Result<Response> {
    let row: RecordingRow = recordings.row(id.get()).await?;
    let media = row.media.map(MediaHash).ok_or(Error::NotFound)?;
    let file = Attachment {
        media,
        file_name: wav_name(id, row.file_name.as_deref()),
        content_type: "audio/wav".to_owned(),
        size: 0,
    };
    media::download(recordings.caller().app(), &file).await
}

/// The file name of a download: the name of the upload, whatever its extension was.
fn wav_name(id: Id<Recording>, uploaded: Option<&str>) -> String {
    let stem = uploaded.map(|name| match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    });
    match stem {
        Some(stem) => format!("{stem}.wav"),
        None => format!("recording-{id}.wav"),
    }
}

/// An upload that was recognised as sound, in its workroom.
struct Uploaded {
    _room: Workroom,
    samples: Samples,
    file_name: Option<String>,
}

impl Uploaded {
    async fn receive(caller: &Caller, upload: Upload) -> Result<Self> {
        let app = caller.app();
        let mut room = app.parts().conversions.room(caller.user())?;
        let file_name = upload.file_name().map(str::to_owned);
        let path = room.path(UPLOAD);
        room.fill(upload.save(app, &path)).await??;
        let samples = Samples::read(&mut room, UPLOAD, app.config().recording_seconds).await?;
        Ok(Self {
            _room: room,
            samples,
            file_name,
        })
    }

    /// Stores the upload as a sound of its own, or behind `before`.
    async fn stored(&self, app: &App, before: Option<&Sound>) -> Result<Sound> {
        let had = before.map_or(0, |sound| sound.samples.unsigned_abs());
        let samples = had + self.samples.count;
        let longest = app.config().recording_seconds;
        if samples > sound::most_samples(longest) {
            return Err(SoundError::TooLong(longest).into());
        }
        let new = self.samples.bytes().await.map_err(SoundError::from)?;
        // The total length is checked above, so the bytes need no limit here.
        let limit = usize::MAX;
        let (media, size) = match before {
            Some(before) => {
                let found = app.media().get(&before.media).await?;
                let (_, old) = found.ok_or(Error::Internal)?;
                let old = sound::samples_of(old.map_err(std::io::Error::other));
                let whole = sound::file(samples, old.chain(new));
                app.media().put(whole, limit).await?
            }
            None => app.media().put(sound::file(samples, new), limit).await?,
        };
        let named = before.and_then(|sound| sound.file_name.clone());
        Ok(Sound {
            media,
            file_name: named.or_else(|| self.file_name.clone()),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            samples: i64::try_from(samples).unwrap_or(i64::MAX),
        })
    }
}

impl From<SoundError> for Error {
    fn from(error: SoundError) -> Self {
        match error {
            SoundError::Conversion(error) => error.into(),
            error => Self::invalid("body", error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_called_after_what_was_uploaded() {
        let name = |uploaded| wav_name(Id::new(7), uploaded);
        assert_eq!(name(Some("hello.mp3")), "hello.wav");
        assert_eq!(name(Some("v1.2 final")), "v1.wav");
        assert_eq!(name(Some(".mp3")), ".mp3.wav");
        assert_eq!(name(None), "recording-7.wav");
    }
}
