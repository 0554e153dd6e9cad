//! A recording: audio that is played in calls. `Absent → Live → Deleted`.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{MediaHash, MessageUses};
use crate::{
    Entity, Id, Owner, Patch, Personal, Refusal, Subject,
    values::{Body, Line},
};

/// A recording's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    stage: Stage,
    id: Option<Id<Recording>>,
    owner: Option<Owner>,
    content: RecordingContent,
    sound: Option<Sound>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// The name and description of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct RecordingContent {
    pub name: Option<Line>,
    pub description: Option<Body>,
}

/// The audio of a recording: a WAV file of 16 bits, 8 kHz, mono, in the media store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    /// The file.
    pub media: MediaHash,
    /// The file name of the upload, if there was one.
    pub file_name: Option<String>,
    /// The size in bytes.
    pub size: i64,
    /// The number of samples.
    pub samples: i64,
}

impl Sound {
    /// The sample rate, in samples per second.
    pub const RATE: i64 = 8_000;

    /// The duration in seconds, rounded up.
    pub fn seconds(&self) -> i64 {
        let whole = self.samples / Self::RATE;
        whole + i64::from(self.samples % Self::RATE > 0)
    }
}

/// A partial update of a recording.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct RecordingPatch {
    pub name: Patch<Line>,
    pub description: Patch<Body>,
}

/// A command to a recording.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum RecordingCommand {
    Create {
        id: Id<Recording>,
        owner: Owner,
        patch: RecordingPatch,
    },
    Update(RecordingPatch),
    /// Replaces the audio.
    Replace(Sound),
    /// Appends audio: `whole` has all of it, beginning with that of the file `after`.
    Extend {
        after: Option<MediaHash>,
        whole: Sound,
    },
    /// Deletes the recording, unless it is in use.
    Delete(MessageUses),
}

/// An event of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum RecordingEvent {
    RecordingCreated {
        id: Id<Recording>,
        owner: Owner,
        content: Personal<RecordingContent>,
    },
    RecordingUpdated {
        content: Personal<RecordingContent>,
    },
    /// The whole audio after the change.
    RecordingSoundSet {
        sound: Personal<Sound>,
    },
    RecordingDeleted {},
}
use RecordingEvent::{RecordingCreated, RecordingDeleted, RecordingSoundSet, RecordingUpdated};

impl Recording {
    /// The name and description.
    pub fn content(&self) -> &RecordingContent {
        &self.content
    }

    /// The audio, if there is any yet.
    pub fn sound(&self) -> Option<&Sound> {
        self.sound.as_ref()
    }

    fn decide(&self, command: RecordingCommand) -> Result<Vec<RecordingEvent>, Refusal> {
        use RecordingCommand::{Create, Delete, Extend, Replace, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, patch }) => {
                let content = RecordingContent::default().patched(patch)?;
                let content = Personal::new(id.subject(), content);
                vec![RecordingCreated { id, owner, content }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let content = self.content.clone().patched(patch)?;
                if content == self.content {
                    vec![]
                } else {
                    vec![RecordingUpdated {
                        content: Personal::new(self.subject()?, content),
                    }]
                }
            }
            (Live, Replace(sound)) if self.sound.as_ref() == Some(&sound) => vec![],
            (Live, Replace(sound)) => vec![self.set(sound)?],
            (Live, Extend { after, whole }) if after.as_ref() == self.media() => {
                vec![self.set(whole)?]
            }
            (Live, Extend { .. }) => {
                return Err(Refusal::not_ready("the recording was changed meanwhile"));
            }
            (Live, Delete(uses)) => {
                uses.check()?;
                vec![RecordingDeleted {}]
            }
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    fn media(&self) -> Option<&MediaHash> {
        self.sound.as_ref().map(|sound| &sound.media)
    }

    fn set(&self, sound: Sound) -> Result<RecordingEvent, Refusal> {
        let sound = Personal::new(self.subject()?, sound);
        Ok(RecordingSoundSet { sound })
    }

    fn subject(&self) -> Result<Subject, Refusal> {
        self.id.map(Id::subject).ok_or(Refusal::NotFound)
    }
}

impl RecordingContent {
    fn patched(mut self, patch: RecordingPatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.description.apply(&mut self.description);
        match self.name {
            Some(_) => Ok(self),
            None => Err(Refusal::invalid("name", "is required")),
        }
    }
}

impl Aggregate for Recording {
    const TYPE: &'static str = "recording";
    type Command = RecordingCommand;
    type Event = RecordingEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: RecordingCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: RecordingEvent) {
        match event {
            RecordingCreated { id, owner, content } => {
                self.stage = Live;
                self.id = Some(id);
                self.owner = Some(owner);
                self.content = content.into_inner().unwrap_or_default();
            }
            RecordingUpdated { content } => {
                self.content = content.into_inner().unwrap_or_default();
            }
            RecordingSoundSet { sound } => self.sound = sound.into_inner(),
            RecordingDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for RecordingEvent {
    fn event_type(&self) -> String {
        match self {
            RecordingCreated { .. } => "RecordingCreated",
            RecordingUpdated { .. } => "RecordingUpdated",
            RecordingSoundSet { .. } => "RecordingSoundSet",
            RecordingDeleted {} => "RecordingDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Recording {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Owner> {
        self.owner
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::{AggregateTestExecutor, TestFramework};

    use super::*;

    fn sound(media: &str, samples: i64) -> Sound {
        Sound {
            media: MediaHash(media.into()),
            file_name: None,
            size: 44 + 2 * samples,
            samples,
        }
    }

    fn set(sound: Sound) -> RecordingEvent {
        RecordingSoundSet {
            sound: Personal::new(Subject::new("recording", 1), sound),
        }
    }

    fn given(more: impl IntoIterator<Item = RecordingEvent>) -> AggregateTestExecutor<Recording> {
        let created = RecordingCreated {
            id: Id::new(1),
            owner: Owner::in_first_tenant(Id::new(1)),
            content: Personal::new(
                Subject::new("recording", 1),
                RecordingContent {
                    name: Some("greeting".parse().unwrap()),
                    description: None,
                },
            ),
        };
        let events = std::iter::once(created).chain(more).collect();
        TestFramework::<Recording>::with(()).given(events)
    }

    #[test]
    fn a_second_begun_is_a_second() {
        let seconds = [0, 1, 7_999, 8_000, 8_001].map(|samples| sound("a", samples).seconds());
        assert_eq!(seconds, [0, 1, 1, 1, 2]);
    }

    #[test]
    fn a_recording_needs_a_name() {
        given([])
            .when(RecordingCommand::Update(RecordingPatch {
                name: Patch::Clear,
                ..RecordingPatch::default()
            }))
            .then_expect_error(Refusal::invalid("name", "is required"));
    }

    #[test]
    fn the_same_sound_again_is_no_news() {
        given([set(sound("a", 1))])
            .when(RecordingCommand::Replace(sound("a", 1)))
            .then_expect_events(vec![]);
    }

    #[test]
    fn what_is_added_goes_on_where_the_recording_ends_now() {
        let extend = |after: &str| RecordingCommand::Extend {
            after: Some(MediaHash(after.into())),
            whole: sound("ab", 2),
        };
        given([set(sound("a", 1))])
            .when(extend("a"))
            .then_expect_events(vec![set(sound("ab", 2))]);
        given([set(sound("a", 1)), set(sound("c", 1))])
            .when(extend("a"))
            .then_expect_error(Refusal::not_ready("the recording was changed meanwhile"));
    }

    #[test]
    fn a_deleted_recording_is_gone() {
        given([RecordingDeleted {}])
            .when(RecordingCommand::Replace(sound("a", 1)))
            .then_expect_error(Refusal::NotFound);
    }
}
