//! Uploaded sound: its format is detected from its content, and it is converted to the form of
//! recordings, samples of 16 bits at 8 kHz, one channel.
//!
//! WAV in that form already is read here. Everything else is converted by SoX, in a
//! [`Workroom`]. To read another format: a line in each of `Kind`'s lists.

mod kind;
pub mod wav;

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use domain::outreach::Sound;
use futures::{Stream, StreamExt, TryStreamExt, future, stream};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use self::{kind::Kind, wav::Wav};
use crate::conversion::{ConversionError, Program, Workroom, open};

/// The reason for which an upload was not accepted as sound.
#[derive(Debug, Error)]
pub enum SoundError {
    /// The upload has no format that can be read; the text says what it is.
    #[error("{0}")]
    Unfit(&'static str),
    /// The upload cannot be read as the format that was detected.
    #[error("cannot be read as {0}")]
    Broken(String),
    /// The upload has no samples.
    #[error("has no sound")]
    Empty,
    /// The upload plays longer than allowed.
    #[error("plays longer than {0} seconds")]
    TooLong(u32),
    /// The conversion failed.
    #[error("{0}")]
    Conversion(#[from] ConversionError),
}

impl From<io::Error> for SoundError {
    fn from(error: io::Error) -> Self {
        Self::Conversion(error.into())
    }
}

/// Samples in a file of a workroom.
#[derive(Clone, Debug)]
pub struct Samples {
    file: PathBuf,
    start: u64,
    /// The number of samples.
    pub count: u64,
}

impl Samples {
    /// Converts a file in a workroom to samples; refuses more than `seconds` of them.
    ///
    /// # Errors
    /// As [`SoundError`] says.
    pub async fn read(room: &mut Workroom, name: &str, seconds: u32) -> Result<Self, SoundError> {
        let file = room.path(name);
        let (kind, wav) = look_into(file.clone()).await?;
        if let Some(wav) = wav {
            if wav.seconds().is_some_and(|long| long > u64::from(seconds)) {
                return Err(SoundError::TooLong(seconds));
            }
            if wav.is_kept_as_it_is() {
                return Self {
                    file,
                    start: wav.start,
                    count: wav.bytes / 2,
                }
                .within(seconds);
            }
        }
        convert(room, name, kind, seconds).await?.within(seconds)
    }

    fn within(self, seconds: u32) -> Result<Self, SoundError> {
        match self.count {
            0 => Err(SoundError::Empty),
            count if count > most_samples(seconds) => Err(SoundError::TooLong(seconds)),
            _ => Ok(self),
        }
    }

    /// The bytes of the samples.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn bytes(&self) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>> {
        let mut file = tokio::fs::File::from_std(open(&self.file)?);
        file.seek(io::SeekFrom::Start(self.start)).await?;
        Ok(ReaderStream::with_capacity(
            file.take(self.count * 2),
            64 << 10,
        ))
    }
}

/// The number of samples that play for this time.
pub fn most_samples(seconds: u32) -> u64 {
    u64::from(seconds) * Sound::RATE.unsigned_abs()
}

async fn look_into(file: PathBuf) -> Result<(Kind, Option<Wav>), SoundError> {
    let look = move || {
        let kind = Kind::detect(open(&file)?)?;
        let wav = match kind {
            Kind::Wav => Some(Wav::read(io::BufReader::new(open(&file)?))?),
            _ => None,
        };
        Ok((kind, wav))
    };
    let looked = tokio::task::spawn_blocking(look).await;
    looked.map_err(|error| SoundError::from(io::Error::other(error)))?
}

async fn convert(
    room: &mut Workroom,
    name: &str,
    kind: Kind,
    seconds: u32,
) -> Result<Samples, SoundError> {
    const TO: &str = "samples.raw";
    // One second more than allowed, to detect that the upload is too long.
    let until = (u64::from(seconds) + 1).to_string();
    let rate = Sound::RATE.to_string();
    let finished = room
        .run(
            Program::Sox,
            // `-D`: no dither, so that the same upload yields the same samples.
            [
                "-V1",
                "-D",
                "-t",
                kind.sox(),
                name,
                "-t",
                "raw",
                "-r",
                &rate,
                "-c",
                "1",
                "-b",
                "16",
                "-e",
                "signed-integer",
                "-L",
                TO,
                "trim",
                "0",
                &until,
            ],
        )
        .await?;
    let complaint = String::from_utf8_lossy(&finished.stderr);
    if complaint.contains("no handler for") {
        return Err(ConversionError::Missing(kind.needs()).into());
    }
    if !finished.success() {
        tracing::debug!(%kind, %complaint, "an upload could not be converted");
        return Err(SoundError::Broken(kind.to_string()));
    }
    let file = room.path(TO);
    let count = bytes_in(&file).await? / 2;
    Ok(Samples {
        file,
        start: 0,
        count,
    })
}

async fn bytes_in(file: &Path) -> io::Result<u64> {
    match tokio::fs::symlink_metadata(file).await {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// The bytes of a WAV file with this number of samples, whose bytes are `pieces`.
pub fn file<E: Send>(
    samples: u64,
    pieces: impl Stream<Item = Result<Bytes, E>> + Send,
) -> impl Stream<Item = Result<Bytes, E>> + Send {
    let header = Bytes::copy_from_slice(&wav::header(samples));
    stream::once(future::ready(Ok(header))).chain(pieces)
}

/// The bytes of a WAV file of ours without its header.
pub fn samples_of<E: Send>(
    pieces: impl Stream<Item = Result<Bytes, E>> + Send,
) -> impl Stream<Item = Result<Bytes, E>> + Send {
    let mut header = wav::HEADER;
    pieces.map_ok(move |mut piece| {
        let some = header.min(piece.len());
        header -= some;
        piece.split_off(some)
    })
}

#[cfg(test)]
mod tests;
