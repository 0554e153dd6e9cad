//! An email template: subject, body and attachments. `Absent → Live → Deleted`.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::MessageUses;
use crate::{
    Entity, Id, Owner, Patch, Personal, Refusal, Subject,
    values::{Body, Line},
};

/// A template's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Template {
    stage: Stage,
    id: Option<Id<Template>>,
    owner: Option<Owner>,
    content: TemplateContent,
    attachments: Vec<Attachment>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// The content of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct TemplateContent {
    pub name: Option<Line>,
    pub description: Option<Body>,
    pub subject: Option<Line>,
    /// The HTML body.
    pub body: Option<Body>,
    /// The plain text alternative; if absent, mails get one made from the HTML.
    pub body_alt: Option<Body>,
    /// The type of the attached file, three letters, as given by the client.
    #[serde(rename = "type")]
    pub kind: Option<Line>,
}

/// The name of a file in the media store: the SHA-256 of its bytes, in hex.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaHash(pub String);

/// A file attached to the mail; its content is in the media store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Attachment {
    pub media: MediaHash,
    pub file_name: String,
    pub content_type: String,
    /// The size in bytes.
    pub size: i64,
}

/// A partial update of a template.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct TemplatePatch {
    pub name: Patch<Line>,
    pub description: Patch<Body>,
    pub subject: Patch<Line>,
    pub body: Patch<Body>,
    pub body_alt: Patch<Body>,
    pub kind: Patch<Line>,
}

/// A command to a template.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum TemplateCommand {
    Create {
        id: Id<Template>,
        owner: Owner,
        patch: TemplatePatch,
    },
    Update(TemplatePatch),
    /// Replaces all attachments.
    Attach(Attachment),
    /// Adds an attachment.
    AttachAlso {
        attachment: Attachment,
        /// The limit of the size of all attachments, in bytes.
        most_bytes: i64,
    },
    /// Deletes the template, unless it is in use.
    Delete(MessageUses),
}

/// An event of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum TemplateEvent {
    TemplateCreated {
        id: Id<Template>,
        owner: Owner,
        content: Personal<TemplateContent>,
    },
    TemplateUpdated {
        content: Personal<TemplateContent>,
    },
    TemplateMediaAttached {
        attachments: Personal<Vec<Attachment>>,
    },
    TemplateDeleted {},
}
use TemplateEvent::{TemplateCreated, TemplateDeleted, TemplateMediaAttached, TemplateUpdated};

impl Template {
    /// The content.
    pub fn content(&self) -> &TemplateContent {
        &self.content
    }

    /// The attachments.
    pub fn attachments(&self) -> &[Attachment] {
        &self.attachments
    }

    /// The number of bytes that can still be attached, if all attachments may have `most_bytes`.
    ///
    /// # Errors
    /// Nothing more can be attached.
    pub fn room(&self, most_bytes: i64) -> Result<i64, Refusal> {
        if self.attachments.len() >= Attachment::MOST {
            let most = Attachment::MOST;
            let why = format!("would be one of more than {most} attachments");
            return Err(Refusal::invalid("body", why));
        }
        let attached: i64 = self.attachments.iter().map(|one| one.size).sum();
        match most_bytes.saturating_sub(attached) {
            room @ 1.. => Ok(room),
            _ => Err(too_much(most_bytes)),
        }
    }

    fn decide(&self, command: TemplateCommand) -> Result<Vec<TemplateEvent>, Refusal> {
        use TemplateCommand::{Attach, AttachAlso, Create, Delete, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, patch }) => {
                let content = TemplateContent::default().patched(patch)?;
                let content = Personal::new(id.subject(), content);
                vec![TemplateCreated { id, owner, content }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => {
                let content = self.content.clone().patched(patch)?;
                if content == self.content {
                    vec![]
                } else {
                    vec![TemplateUpdated {
                        content: Personal::new(self.subject()?, content),
                    }]
                }
            }
            (Live, Attach(attachment)) if self.attachments == [attachment.clone()] => vec![],
            (Live, Attach(attachment)) => vec![TemplateMediaAttached {
                attachments: Personal::new(self.subject()?, vec![attachment]),
            }],
            (
                Live,
                AttachAlso {
                    attachment,
                    most_bytes,
                },
            ) => {
                if attachment.size > self.room(most_bytes)? {
                    return Err(too_much(most_bytes));
                }
                let mut attachments = self.attachments.clone();
                attachments.push(attachment);
                vec![TemplateMediaAttached {
                    attachments: Personal::new(self.subject()?, attachments),
                }]
            }
            (Live, Delete(uses)) => {
                uses.check()?;
                vec![TemplateDeleted {}]
            }
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    fn subject(&self) -> Result<Subject, Refusal> {
        self.id.map(Id::subject).ok_or(Refusal::NotFound)
    }
}

fn too_much(most_bytes: i64) -> Refusal {
    let why = format!("would make more than {most_bytes} bytes of attachments");
    Refusal::invalid("body", why)
}

impl Attachment {
    /// The most attachments of a template.
    pub const MOST: usize = 20;
}

impl TemplateContent {
    fn patched(mut self, patch: TemplatePatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.description.apply(&mut self.description);
        patch.subject.apply(&mut self.subject);
        patch.body.apply(&mut self.body);
        patch.body_alt.apply(&mut self.body_alt);
        patch.kind.apply(&mut self.kind);
        for (field, missing) in [
            ("name", self.name.is_none()),
            ("subject", self.subject.is_none()),
            ("body", self.body.is_none()),
        ] {
            if missing {
                return Err(Refusal::invalid(field, "is required"));
            }
        }
        Ok(self)
    }
}

impl Aggregate for Template {
    const TYPE: &'static str = "template";
    type Command = TemplateCommand;
    type Event = TemplateEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: TemplateCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: TemplateEvent) {
        match event {
            TemplateCreated { id, owner, content } => {
                self.stage = Live;
                self.id = Some(id);
                self.owner = Some(owner);
                self.content = content.into_inner().unwrap_or_default();
            }
            TemplateUpdated { content } => self.content = content.into_inner().unwrap_or_default(),
            TemplateMediaAttached { attachments } => {
                self.attachments = attachments.into_inner().unwrap_or_default();
            }
            TemplateDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for TemplateEvent {
    fn event_type(&self) -> String {
        match self {
            TemplateCreated { .. } => "TemplateCreated",
            TemplateUpdated { .. } => "TemplateUpdated",
            TemplateMediaAttached { .. } => "TemplateMediaAttached",
            TemplateDeleted {} => "TemplateDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Template {
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

    #[test]
    fn a_template_without_a_subject_is_refused_by_name() {
        let patch = TemplatePatch {
            name: Patch::Set("welcome".parse().unwrap()),
            body: Patch::Set("<p>hi</p>".parse().unwrap()),
            ..TemplatePatch::default()
        };
        TestFramework::<Template>::with(())
            .given(vec![])
            .when(TemplateCommand::Create {
                id: Id::new(1),
                owner: Owner::in_first_tenant(Id::new(1)),
                patch,
            })
            .then_expect_error(Refusal::invalid("subject", "is required"));
    }

    fn file(hash: &str, size: i64) -> Attachment {
        Attachment {
            media: MediaHash(hash.into()),
            file_name: "a.pdf".into(),
            content_type: "application/pdf".into(),
            size,
        }
    }

    fn attached(files: &[Attachment]) -> TemplateEvent {
        TemplateMediaAttached {
            attachments: Personal::new(Subject::new("template", 1), files.to_vec()),
        }
    }

    fn with(files: &[Attachment]) -> cqrs_es::test::AggregateTestExecutor<Template> {
        let created = TemplateCreated {
            id: Id::new(1),
            owner: Owner::in_first_tenant(Id::new(1)),
            content: Personal::new(Subject::new("template", 1), TemplateContent::default()),
        };
        TestFramework::<Template>::with(()).given(vec![created, attached(files)])
    }

    fn also(attachment: Attachment) -> TemplateCommand {
        TemplateCommand::AttachAlso {
            attachment,
            most_bytes: 100,
        }
    }

    #[test]
    fn a_new_attachment_replaces_all_that_there_were() {
        with(&[file("one", 1), file("two", 1)])
            .when(TemplateCommand::Attach(file("three", 1)))
            .then_expect_events(vec![attached(&[file("three", 1)])]);
    }

    #[test]
    fn another_attachment_comes_after_those_there_are() {
        with(&[file("one", 50)])
            .when(also(file("one", 50)))
            .then_expect_events(vec![attached(&[file("one", 50), file("one", 50)])]);
    }

    #[test]
    fn there_is_an_end_to_what_is_attached() {
        with(&[file("one", 50)])
            .when(also(file("two", 51)))
            .then_expect_error(too_much(100));
        with(&vec![file("one", 1); Attachment::MOST])
            .when(also(file("two", 1)))
            .then_expect_error(Refusal::invalid(
                "body",
                "would be one of more than 20 attachments",
            ));
    }
}
