//! A document: the pages of a fax. `Absent → Live → Deleted`.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{MediaHash, MessageUses, Quality};
use crate::{
    Entity, Id, Owner, Patch, Personal, Refusal, Subject,
    values::{Body, Line},
};

/// A document's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    stage: Stage,
    id: Option<Id<Document>>,
    owner: Option<Owner>,
    content: DocumentContent,
    pages: Option<Pages>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// The name, description and quality of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct DocumentContent {
    pub name: Option<Line>,
    pub description: Option<Body>,
    pub quality: Quality,
}

/// The pages of a document, in the media store: as PDF for people, as TIFF (G4) for fax machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages {
    /// The PDF.
    pub pdf: MediaHash,
    /// The size of the PDF in bytes.
    pub size: i64,
    /// The TIFF.
    pub fax: MediaHash,
    /// The quality of the TIFF, which sets its resolution.
    pub quality: Quality,
    /// The number of pages of both.
    pub count: i32,
    /// The type of the last upload, as the usual file extension: `pdf`, `tif`, `docx`.
    pub kind: String,
    /// The file name of the last upload, if the client gave one.
    pub file_name: Option<String>,
}

/// A partial update of a document.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct DocumentPatch {
    pub name: Patch<Line>,
    pub description: Patch<Body>,
    pub quality: Patch<Quality>,
}

/// A command to a document.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum DocumentCommand {
    Create {
        id: Id<Document>,
        owner: Owner,
        patch: DocumentPatch,
    },
    /// Changes the content. A change of quality needs `anew`: the same pages rendered in that
    /// quality.
    Update {
        patch: DocumentPatch,
        anew: Option<Pages>,
    },
    /// Replaces the pages.
    Replace(Pages),
    /// Appends pages: `whole` has all pages, beginning with those of the PDF `after`.
    Extend {
        after: Option<MediaHash>,
        whole: Pages,
    },
    /// Deletes the document, unless it is in use.
    Delete(MessageUses),
}

/// An event of a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum DocumentEvent {
    DocumentCreated {
        id: Id<Document>,
        owner: Owner,
        content: Personal<DocumentContent>,
    },
    DocumentUpdated {
        content: Personal<DocumentContent>,
    },
    /// All pages of the document after the change.
    DocumentPagesSet {
        pages: Personal<Pages>,
    },
    DocumentDeleted {},
}
use DocumentEvent::{DocumentCreated, DocumentDeleted, DocumentPagesSet, DocumentUpdated};

impl Document {
    /// The name, description and quality.
    pub fn content(&self) -> &DocumentContent {
        &self.content
    }

    /// The pages, if it has any yet.
    pub fn pages(&self) -> Option<&Pages> {
        self.pages.as_ref()
    }

    fn decide(&self, command: DocumentCommand) -> Result<Vec<DocumentEvent>, Refusal> {
        use DocumentCommand::{Create, Delete, Extend, Replace, Update};
        Ok(match (self.stage, command) {
            (Absent, Create { id, owner, patch }) => {
                let content = DocumentContent::default().patched(patch)?;
                let content = Personal::new(id.subject(), content);
                vec![DocumentCreated { id, owner, content }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update { patch, anew }) => self.update(patch, anew)?,
            (Live, Replace(pages)) if pages.quality == self.content.quality => self.set(pages)?,
            (Live, Extend { after, whole })
                if after.as_ref() == self.pdf() && whole.quality == self.content.quality =>
            {
                self.set(whole)?
            }
            (Live, Replace(_) | Extend { .. }) => return Err(changed_meanwhile()),
            (Live, Delete(uses)) => {
                uses.check()?;
                vec![DocumentDeleted {}]
            }
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    fn update(
        &self,
        patch: DocumentPatch,
        anew: Option<Pages>,
    ) -> Result<Vec<DocumentEvent>, Refusal> {
        let content = self.content.clone().patched(patch)?;
        let mut events = Vec::new();
        if let Some(pages) = &self.pages
            && pages.quality != content.quality
        {
            let fits = |new: &Pages| new.pdf == pages.pdf && new.quality == content.quality;
            let anew = anew.filter(fits).ok_or_else(changed_meanwhile)?;
            events = self.set(anew)?;
        }
        if content != self.content {
            let content = Personal::new(self.subject()?, content);
            events.insert(0, DocumentUpdated { content });
        }
        Ok(events)
    }

    fn set(&self, pages: Pages) -> Result<Vec<DocumentEvent>, Refusal> {
        if self.pages.as_ref() == Some(&pages) {
            return Ok(vec![]);
        }
        let pages = Personal::new(self.subject()?, pages);
        Ok(vec![DocumentPagesSet { pages }])
    }

    fn pdf(&self) -> Option<&MediaHash> {
        self.pages.as_ref().map(|pages| &pages.pdf)
    }

    fn subject(&self) -> Result<Subject, Refusal> {
        self.id.map(Id::subject).ok_or(Refusal::NotFound)
    }
}

fn changed_meanwhile() -> Refusal {
    Refusal::not_ready("the document was changed meanwhile")
}

impl DocumentContent {
    fn patched(mut self, patch: DocumentPatch) -> Result<Self, Refusal> {
        patch.name.apply(&mut self.name);
        patch.description.apply(&mut self.description);
        match patch.quality {
            Patch::Keep => {}
            Patch::Clear => self.quality = Quality::default(),
            Patch::Set(quality) => self.quality = quality,
        }
        match self.name {
            Some(_) => Ok(self),
            None => Err(Refusal::invalid("name", "is required")),
        }
    }
}

impl Aggregate for Document {
    const TYPE: &'static str = "document";
    type Command = DocumentCommand;
    type Event = DocumentEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: DocumentCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: DocumentEvent) {
        match event {
            DocumentCreated { id, owner, content } => {
                self.stage = Live;
                self.id = Some(id);
                self.owner = Some(owner);
                self.content = content.into_inner().unwrap_or_default();
            }
            DocumentUpdated { content } => {
                self.content = content.into_inner().unwrap_or_default();
            }
            DocumentPagesSet { pages } => self.pages = pages.into_inner(),
            DocumentDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for DocumentEvent {
    fn event_type(&self) -> String {
        match self {
            DocumentCreated { .. } => "DocumentCreated",
            DocumentUpdated { .. } => "DocumentUpdated",
            DocumentPagesSet { .. } => "DocumentPagesSet",
            DocumentDeleted {} => "DocumentDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}

impl Entity for Document {
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

    fn pages(pdf: &str, quality: Quality) -> Pages {
        Pages {
            pdf: MediaHash(pdf.into()),
            size: 1,
            fax: MediaHash(format!("{pdf}-{}", quality.name())),
            quality,
            count: 1,
            kind: "pdf".into(),
            file_name: None,
        }
    }

    fn subject() -> Subject {
        Subject::new("document", 1)
    }

    fn set(pages: Pages) -> DocumentEvent {
        DocumentPagesSet {
            pages: Personal::new(subject(), pages),
        }
    }

    fn content(quality: Quality) -> Personal<DocumentContent> {
        let content = DocumentContent {
            name: Some("offer".parse().unwrap()),
            description: None,
            quality,
        };
        Personal::new(subject(), content)
    }

    fn given(more: impl IntoIterator<Item = DocumentEvent>) -> AggregateTestExecutor<Document> {
        let created = DocumentCreated {
            id: Id::new(1),
            owner: Owner::in_first_tenant(Id::new(1)),
            content: content(Quality::Standard),
        };
        let events = std::iter::once(created).chain(more).collect();
        TestFramework::<Document>::with(()).given(events)
    }

    fn to_fine(anew: Option<Pages>) -> DocumentCommand {
        let patch = DocumentPatch {
            quality: Patch::Set(Quality::Fine),
            ..DocumentPatch::default()
        };
        DocumentCommand::Update { patch, anew }
    }

    #[test]
    fn a_document_needs_a_name() {
        let patch = DocumentPatch {
            name: Patch::Clear,
            ..DocumentPatch::default()
        };
        given([])
            .when(DocumentCommand::Update { patch, anew: None })
            .then_expect_error(Refusal::invalid("name", "is required"));
    }

    #[test]
    fn the_same_pages_again_are_no_news() {
        given([set(pages("a", Quality::Standard))])
            .when(DocumentCommand::Replace(pages("a", Quality::Standard)))
            .then_expect_events(vec![]);
    }

    #[test]
    fn another_quality_comes_with_the_same_pages_made_anew() {
        let fine = DocumentUpdated {
            content: content(Quality::Fine),
        };
        given([set(pages("a", Quality::Standard))])
            .when(to_fine(Some(pages("a", Quality::Fine))))
            .then_expect_events(vec![fine.clone(), set(pages("a", Quality::Fine))]);
        given([]).when(to_fine(None)).then_expect_events(vec![fine]);
        for stale in [None, Some(pages("b", Quality::Fine))] {
            given([set(pages("a", Quality::Standard))])
                .when(to_fine(stale))
                .then_expect_error(changed_meanwhile());
        }
    }

    #[test]
    fn pages_of_a_quality_that_is_no_longer_wanted_are_refused() {
        given([])
            .when(DocumentCommand::Replace(pages("a", Quality::Ultra)))
            .then_expect_error(changed_meanwhile());
    }

    #[test]
    fn pages_are_added_to_those_it_has_now() {
        let extend = |after: Option<&str>| DocumentCommand::Extend {
            after: after.map(|hash| MediaHash(hash.into())),
            whole: pages("ab", Quality::Standard),
        };
        let whole = set(pages("ab", Quality::Standard));
        given([])
            .when(extend(None))
            .then_expect_events(vec![whole.clone()]);
        given([set(pages("a", Quality::Standard))])
            .when(extend(Some("a")))
            .then_expect_events(vec![whole]);
        given([set(pages("a", Quality::Standard))])
            .when(extend(None))
            .then_expect_error(changed_meanwhile());
    }

    #[test]
    fn a_deleted_document_is_gone() {
        given([DocumentDeleted {}])
            .when(DocumentCommand::Replace(pages("a", Quality::Standard)))
            .then_expect_error(Refusal::NotFound);
    }
}
