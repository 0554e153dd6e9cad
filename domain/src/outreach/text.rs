//! A text that is sent as short messages. `Absent → Live → Deleted`.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{
    MessageUses,
    sms::{Encoding, Sms},
};
use crate::{
    Entity, Id, Owner, Patch, Personal, Refusal, Subject,
    values::{Body, Line},
};

/// A text's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Text {
    stage: Stage,
    id: Option<Id<Text>>,
    owner: Option<Owner>,
    content: TextContent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// The content of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct TextContent {
    pub name: Option<Line>,
    pub description: Option<Body>,
    /// The message, with tokens; bytes in hex if it is binary.
    pub data: Option<Body>,
    pub class: TextClass,
    /// The requested encoding; `None`: chosen by the letters of the message sent.
    pub encoding: Option<Encoding>,
}

/// The message class, which tells a telephone how to treat the message, with its number in the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextClass {
    /// No class; the telephone decides: 0.
    #[default]
    Off,
    /// Store the message: 1.
    Normal,
    /// Store the message on the SIM: 2.
    Sim,
    /// Pass the message to the SIM toolkit: 4.
    Toolkit,
    /// Show the message at once and do not store it: 8.
    Flash,
}

impl TextClass {
    /// The number in the API.
    pub const fn number(self) -> i32 {
        match self {
            Self::Off => 0,
            Self::Normal => 1,
            Self::Sim => 2,
            Self::Toolkit => 4,
            Self::Flash => 8,
        }
    }

    /// The class of this number.
    pub const fn of_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Off),
            1 => Some(Self::Normal),
            2 => Some(Self::Sim),
            4 => Some(Self::Toolkit),
            8 => Some(Self::Flash),
            _ => None,
        }
    }
}

/// A partial update of a text.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct TextPatch {
    pub name: Patch<Line>,
    pub description: Patch<Body>,
    pub data: Patch<Body>,
    pub class: Patch<TextClass>,
    pub encoding: Patch<Encoding>,
}

/// A command to a text.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum TextCommand {
    Create {
        id: Id<Text>,
        owner: Owner,
        patch: TextPatch,
    },
    Update(TextPatch),
    /// Deletes the text, unless it is in use.
    Delete(MessageUses),
}

/// An event of a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum TextEvent {
    TextCreated {
        id: Id<Text>,
        owner: Owner,
        content: Personal<TextContent>,
    },
    TextUpdated {
        content: Personal<TextContent>,
    },
    TextDeleted {},
}
use TextEvent::{TextCreated, TextDeleted, TextUpdated};

impl Text {
    /// The content.
    pub fn content(&self) -> &TextContent {
        &self.content
    }

    fn decide(&self, command: TextCommand) -> Result<Vec<TextEvent>, Refusal> {
        use TextCommand::{Create, Delete, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, patch }) => {
                let content = TextContent::default().patched(patch)?;
                let content = Personal::new(id.subject(), content);
                vec![TextCreated { id, owner, content }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let content = self.content.clone().patched(patch)?;
                if content == self.content {
                    vec![]
                } else {
                    vec![TextUpdated {
                        content: Personal::new(self.subject()?, content),
                    }]
                }
            }
            (Live, Delete(uses)) => {
                uses.check()?;
                vec![TextDeleted {}]
            }
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    fn subject(&self) -> Result<Subject, Refusal> {
        self.id.map(Id::subject).ok_or(Refusal::NotFound)
    }
}

impl TextContent {
    /// The encoded text with its tokens not replaced; `None` if the content was erased.
    pub fn sms(&self) -> Option<Sms> {
        let data = self.data.as_ref()?;
        Sms::encode(data.as_str(), self.encoding).ok()
    }

    fn patched(mut self, patch: TextPatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.description.apply(&mut self.description);
        patch.data.apply(&mut self.data);
        patch.encoding.apply(&mut self.encoding);
        let mut class = Some(self.class);
        patch.class.apply(&mut class);
        self.class = class.unwrap_or_default();
        if self.name.is_none() {
            return Err(Refusal::invalid("name", "is required"));
        }
        let Some(data) = &self.data else {
            return Err(Refusal::invalid("data", "is required"));
        };
        match Sms::encode(data.as_str(), self.encoding) {
            Ok(_) => Ok(self),
            Err(unfit) => Err(Refusal::invalid("data", unfit.to_string())),
        }
    }
}

impl Aggregate for Text {
    const TYPE: &'static str = "text";
    type Command = TextCommand;
    type Event = TextEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: TextCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: TextEvent) {
        match event {
            TextCreated { id, owner, content } => {
                self.stage = Live;
                self.id = Some(id);
                self.owner = Some(owner);
                self.content = content.into_inner().unwrap_or_default();
            }
            TextUpdated { content } => self.content = content.into_inner().unwrap_or_default(),
            TextDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for TextEvent {
    fn event_type(&self) -> String {
        match self {
            TextCreated { .. } => "TextCreated",
            TextUpdated { .. } => "TextUpdated",
            TextDeleted {} => "TextDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Text {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Owner> {
        self.owner
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::TestFramework;

    use super::*;

    fn content(data: &str, encoding: Option<Encoding>) -> TextContent {
        TextContent {
            name: Some("reminder".parse().unwrap()),
            data: Some(data.parse().unwrap()),
            encoding,
            ..TextContent::default()
        }
    }

    fn sealed(content: TextContent) -> Personal<TextContent> {
        Personal::new(Subject::new("text", 1), content)
    }

    fn created(data: &str, encoding: Option<Encoding>) -> TextEvent {
        TextCreated {
            id: Id::new(1),
            owner: Owner::in_first_tenant(Id::new(1)),
            content: sealed(content(data, encoding)),
        }
    }

    fn given(event: TextEvent) -> cqrs_es::test::AggregateTestExecutor<Text> {
        TestFramework::<Text>::with(()).given(vec![event])
    }

    fn say(data: &str) -> TextCommand {
        TextCommand::Update(TextPatch {
            data: Patch::Set(data.parse().unwrap()),
            ..TextPatch::default()
        })
    }

    #[test]
    fn a_text_without_data_is_refused_by_name() {
        let patch = TextPatch {
            name: Patch::Set("reminder".parse().unwrap()),
            ..TextPatch::default()
        };
        TestFramework::<Text>::with(())
            .given(vec![])
            .when(TextCommand::Create {
                id: Id::new(1),
                owner: Owner::in_first_tenant(Id::new(1)),
                patch,
            })
            .then_expect_error(Refusal::invalid("data", "is required"));
    }

    #[test]
    fn a_text_left_to_itself_changes_its_encoding_with_its_letters() {
        let text = content("hello", None);
        assert_eq!(text.sms().unwrap().encoding, Encoding::Gsm);
        given(created("hello", None))
            .when(say("привет"))
            .then_expect_events(vec![TextUpdated {
                content: sealed(content("привет", None)),
            }]);
        let text = content("привет", None);
        assert_eq!(text.sms().unwrap().encoding, Encoding::Unicode);
    }

    #[test]
    fn a_text_that_is_to_be_plain_takes_no_other_letters() {
        let why = super::super::sms::Unfit::Letter('п').to_string();
        given(created("hello", Some(Encoding::Gsm)))
            .when(say("привет"))
            .then_expect_error(Refusal::invalid("data", why));
    }

    #[test]
    fn saying_the_same_again_is_no_news() {
        given(created("hello", None))
            .when(say("hello"))
            .then_expect_events(vec![]);
    }

    #[test]
    fn a_deleted_text_is_gone() {
        TestFramework::<Text>::with(())
            .given(vec![created("hello", None), TextDeleted {}])
            .when(TextCommand::Delete(MessageUses::default()))
            .then_expect_error(Refusal::NotFound);
    }
}
