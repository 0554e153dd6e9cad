//! Messages at a given version, with their media. A version cannot change, so it is cached.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use commands::{Commands, media::MediaStore};
use domain::{
    Id,
    outreach::{
        Document, MediaHash, MessageId, Program, ProgramKind, Recording, Template, Text,
        TextContent,
    },
};
use futures::TryStreamExt;
use quick_cache::{Weighter, sync::Cache};

use super::NoContent;
use crate::{
    content::{Recorded, Speech},
    email::Attachment,
};

/// The size of the message cache in bytes.
const KEPT: u64 = 64 << 20;

/// Loads and caches messages.
pub(super) struct Messages {
    commands: Commands,
    media: MediaStore,
    kept: Cache<(MessageId, u64), Message, BySize>,
    programs: Cache<(Id<Program>, u64), Arc<Programmed>>,
}

/// The content of a template.
pub(super) struct Letter {
    pub subject: String,
    pub html: String,
    pub text: Option<String>,
    pub attachments: Vec<Attachment>,
}

/// A document rendered for fax.
pub(super) struct Scan {
    pub name: String,
    pub tiff: Bytes,
    pub pages: u32,
}

/// The name and speech of a program.
#[derive(Default)]
pub(super) struct Programmed {
    pub name: Option<String>,
    /// The text to be read out, its tokens not filled in.
    pub speech: Option<Speech>,
}

#[derive(Clone)]
enum Message {
    Document(Arc<Scan>),
    Recording(Arc<Recorded>),
    Template(Arc<Letter>),
    Text(Arc<TextContent>),
}

impl Messages {
    pub fn new(commands: Commands, media: MediaStore) -> Self {
        Self {
            commands,
            media,
            kept: Cache::with_weighter(256, KEPT, BySize),
            programs: Cache::new(1_024),
        }
    }

    /// A program as it was at this version.
    pub async fn program(
        &self,
        id: Id<Program>,
        version: u64,
    ) -> Result<Arc<Programmed>, NoContent> {
        if let Some(program) = self.programs.get(&(id, version)) {
            return Ok(program);
        }
        let store = self.commands.store();
        let program = store.load_until(id, version).await?.aggregate;
        let speech = match program.kind() {
            Some(ProgramKind::VoiceTts { text, language, .. }) => text.get().map(|text| Speech {
                text: text.to_string(),
                language: language.as_ref().map(ToString::to_string),
            }),
            _ => None,
        };
        let name = program.name().map(str::to_owned);
        let program = Arc::new(Programmed { name, speech });
        self.programs.insert((id, version), Arc::clone(&program));
        Ok(program)
    }

    /// A document as it was at this version.
    pub async fn document(&self, id: Id<Document>, version: u64) -> Result<Arc<Scan>, NoContent> {
        let key = (MessageId::Document(id), version);
        if let Some(Message::Document(kept)) = self.kept.get(&key) {
            return Ok(kept);
        }
        let store = self.commands.store();
        let document = store.load_until(id, version).await?.aggregate;
        let gone = || NoContent::never("the document's content was erased");
        let pages = document.pages().ok_or_else(gone)?;
        let name = document.content().name.as_ref();
        let found = Arc::new(Scan {
            name: name.map(ToString::to_string).unwrap_or_default(),
            tiff: self.read(&pages.fax).await?,
            pages: u32::try_from(pages.count).unwrap_or_default(),
        });
        self.kept.insert(key, Message::Document(Arc::clone(&found)));
        Ok(found)
    }

    /// A recording as it was at this version.
    pub async fn recording(
        &self,
        id: Id<Recording>,
        version: u64,
    ) -> Result<Arc<Recorded>, NoContent> {
        let key = (MessageId::Recording(id), version);
        if let Some(Message::Recording(kept)) = self.kept.get(&key) {
            return Ok(kept);
        }
        let store = self.commands.store();
        let recording = store.load_until(id, version).await?.aggregate;
        let gone = || NoContent::never("the recording's content was erased");
        let sound = recording.sound().ok_or_else(gone)?;
        let name = recording.content().name.as_ref();
        let found = Arc::new(Recorded {
            name: name.map(ToString::to_string).unwrap_or_default(),
            wav: self.read(&sound.media).await?,
            seconds: sound.seconds(),
        });
        self.kept
            .insert(key, Message::Recording(Arc::clone(&found)));
        Ok(found)
    }

    /// A template as it was at this version.
    pub async fn template(&self, id: Id<Template>, version: u64) -> Result<Arc<Letter>, NoContent> {
        let key = (MessageId::Template(id), version);
        if let Some(Message::Template(kept)) = self.kept.get(&key) {
            return Ok(kept);
        }
        let store = self.commands.store();
        let template = store.load_until(id, version).await?.aggregate;
        let content = template.content();
        let (Some(subject), Some(body)) = (&content.subject, &content.body) else {
            return Err(NoContent::never("the template's content was erased"));
        };
        let mut attachments = Vec::new();
        for file in template.attachments() {
            attachments.push(Attachment {
                file_name: file.file_name.clone(),
                content_type: file.content_type.clone(),
                content: self.read(&file.media).await?,
            });
        }
        let found = Arc::new(Letter {
            subject: subject.to_string(),
            html: body.to_string(),
            text: content.body_alt.as_ref().map(ToString::to_string),
            attachments,
        });
        self.kept.insert(key, Message::Template(Arc::clone(&found)));
        Ok(found)
    }

    /// A text as it was at this version.
    pub async fn text(&self, id: Id<Text>, version: u64) -> Result<Arc<TextContent>, NoContent> {
        let key = (MessageId::Text(id), version);
        if let Some(Message::Text(kept)) = self.kept.get(&key) {
            return Ok(kept);
        }
        let store = self.commands.store();
        let text = store.load_until(id, version).await?.aggregate;
        let found = Arc::new(text.content().clone());
        self.kept.insert(key, Message::Text(Arc::clone(&found)));
        Ok(found)
    }

    async fn read(&self, media: &MediaHash) -> Result<Bytes, NoContent> {
        let failed = |error: &dyn std::fmt::Display| NoContent::Media(error.to_string());
        let found = self
            .media
            .get(media)
            .await
            .map_err(|error| failed(&error))?;
        let gone = || NoContent::never("a file of the message is gone");
        let (_, chunks) = found.ok_or_else(gone)?;
        let mut chunks = std::pin::pin!(chunks);
        let mut bytes = BytesMut::new();
        while let Some(chunk) = chunks.try_next().await.map_err(|error| failed(&error))? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }
}

#[derive(Clone)]
struct BySize;

impl Weighter<(MessageId, u64), Message> for BySize {
    fn weight(&self, _: &(MessageId, u64), message: &Message) -> u64 {
        let size = match message {
            Message::Document(scan) => scan.tiff.len(),
            Message::Recording(recorded) => recorded.wav.len(),
            Message::Template(letter) => {
                let files = letter.attachments.iter().map(|file| file.content.len());
                let text = letter.text.as_ref().map_or(0, String::len);
                letter.html.len() + text + files.sum::<usize>()
            }
            Message::Text(text) => text.data.as_ref().map_or(0, |data| data.as_str().len()),
        };
        (size + 512) as u64
    }
}
