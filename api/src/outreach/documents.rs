//! `/messages/documents`, also `/documents`.

use axum::response::Response;
use domain::{
    Id, Patch,
    outreach::{
        Attachment, Document, DocumentCommand, DocumentPatch, MediaHash, MessageId, Quality,
    },
};
use projections::outreach::{documents::DocumentRow, uses};

use super::{
    document_pages,
    media::{self, Upload},
};
use crate::{
    Error, Result,
    answer::Answer,
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Update, Writer},
    extract::{Fields, FromFields, Input, Listing, Path},
    openapi::{About, Routes, op},
};

/// The content types that clients may announce; the type is detected from the file itself.
const KINDS: &[&str] = &[
    "application/pdf",
    "image/tiff",
    "image/png",
    "image/jpeg",
    "image/*",
    "text/rtf",
    "application/*",
];

impl Noun for Document {
    const NAME: &'static str = "document";
    const OWNED: Owned = Owned::ByUsers("document_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<DocumentRow>("/messages/documents", "document")
        .create(create, op("Creates a document").requires(&["name"]))
        .list(list, op("Lists documents"))
        .read(read, op("Reads a document"))
        .update(
            update,
            converting(op("Changes a document")).note("Another quality draws the pages anew."),
        )
        .delete(
            delete,
            op("Deletes a document").note("423 while a program names it."),
        )
        .done()
        .put(
            "/messages/documents/{document_id}/media",
            replace,
            converting(op("Replaces the pages of a document"))
                .note(
                    "A PDF, TIFF, PNG, JPEG or, where LibreOffice is installed, an office \
                     document. It is converted before the answer.",
                )
                .takes(KINDS)
                .id("document"),
        )
        .post(
            "/messages/documents/{document_id}/media",
            append,
            converting(op("Adds pages to a document"))
                .takes(KINDS)
                .id("document"),
        )
        .get(
            "/messages/documents/{document_id}/media",
            download,
            op("Downloads a document as PDF").file("application/pdf"),
        )
        .aliases(&["GET /messages/documents/{document_id}/download"])
        .spelt_also("/messages/documents", "/documents")
}

fn converting(about: About) -> About {
    about
        .answers(423, "The document was changed meanwhile.")
        .answers(501, "A program that converts such files is not installed.")
}

async fn create(
    documents: Writer<Document, Create>,
    Input(patch): Input<DocumentPatch>,
) -> Result<Answer> {
    let (id, owner) = (documents.next_id().await?, documents.owner()?);
    documents
        .created(id, DocumentCommand::Create { id, owner, patch })
        .await
}

async fn list(documents: Reader<Document, List>, listing: Listing<DocumentRow>) -> Result<Answer> {
    documents.list(listing).await
}

async fn read(documents: Reader<Document, Read>, Path(id): Path<Id<Document>>) -> Result<Answer> {
    documents.find::<DocumentRow>(id.get()).await
}

async fn update(
    documents: Writer<Document, Update>,
    Path(id): Path<Id<Document>>,
    Input(patch): Input<DocumentPatch>,
) -> Result<Answer> {
    let quality = match patch.quality {
        Patch::Keep => None,
        Patch::Clear => Some(Quality::default()),
        Patch::Set(quality) => Some(quality),
    };
    let mut anew = None;
    if let Some(quality) = quality {
        let document = documents.load(id).await?.aggregate;
        if let Some(pages) = document.pages().filter(|pages| pages.quality != quality) {
            let caller = documents.caller();
            anew = Some(document_pages::anew(caller, pages, quality).await?);
        }
    }
    documents
        .updated::<DocumentRow>(id, DocumentCommand::Update { patch, anew })
        .await
}

async fn delete(
    documents: Writer<Document, Delete>,
    Path(id): Path<Id<Document>>,
) -> Result<Answer> {
    documents.load(id).await?;
    let message = MessageId::Document(id);
    let uses = uses::uses_of_message(documents.pool(), message).await?;
    documents.deleted(id, DocumentCommand::Delete(uses)).await
}

async fn replace(
    documents: Writer<Document, Update>,
    Path(id): Path<Id<Document>>,
    upload: Upload,
) -> Result<Answer> {
    // Before the upload is read: an unknown document is refused first.
    let quality = documents.load(id).await?.aggregate.content().quality;
    let caller = documents.caller();
    let pages = document_pages::of_upload(caller, upload, None, quality).await?;
    let done = documents.send(id, DocumentCommand::Replace(pages)).await?;
    Ok(Answer::id("document", id.get())?.late(done))
}

async fn append(
    documents: Writer<Document, Update>,
    Path(id): Path<Id<Document>>,
    upload: Upload,
) -> Result<Answer> {
    let document = documents.load(id).await?.aggregate;
    let (before, quality) = (document.pages(), document.content().quality);
    let caller = documents.caller();
    let whole = document_pages::of_upload(caller, upload, before, quality).await?;
    let after = before.map(|pages| pages.pdf.clone());
    let extend = DocumentCommand::Extend { after, whole };
    let done = documents.send(id, extend).await?;
    Ok(Answer::id("document", id.get())?.late(done))
}

async fn download(
    documents: Reader<Document, Read>,
    Path(id): Path<Id<Document>>,
) -> Result<Response> {
    let row: DocumentRow = documents.row(id.get()).await?;
    let pdf = Attachment {
        media: MediaHash(row.media.ok_or(Error::NotFound)?),
        file_name: pdf_name(row.file_name.as_deref(), id),
        content_type: "application/pdf".to_owned(),
        size: row.size.unwrap_or(0),
    };
    media::download(documents.caller().app(), &pdf).await
}

/// The file name of the PDF: the name of the upload, whatever its extension was.
fn pdf_name(uploaded: Option<&str>, id: Id<Document>) -> String {
    let Some(name) = uploaded else {
        return format!("document-{id}.pdf");
    };
    let stem = match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    };
    format!("{stem}.pdf")
}

impl FromFields for DocumentPatch {
    /// Leaves `type` unread: the type is detected from the file itself.
    fn from_fields(fields: &mut Fields) -> Self {
        const NAMES: [&str; 6] = ["basic", "standard", "fine", "super", "superior", "ultra"];
        Self {
            name: fields.text("name"),
            description: fields.text("description"),
            quality: fields.one_of("quality", &NAMES, Quality::named),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_called_as_the_upload_was_and_pdf() {
        let name = |uploaded| pdf_name(uploaded, Id::new(7));
        assert_eq!(name(None), "document-7.pdf");
        assert_eq!(name(Some("scan.v2.tiff")), "scan.v2.pdf");
        assert_eq!(name(Some("offer")), "offer.pdf");
    }
}
