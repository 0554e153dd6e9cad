//! `/messages/templates`, also `/templates`.

use domain::{
    Id,
    outreach::{Template, TemplateCommand, TemplatePatch},
};
use projections::outreach::templates::TemplateRow;

use super::media::{self, Upload};
use crate::{
    Error, Result,
    answer::Answer,
    extract::{Fields, FromFields, Input, Listing, Path},
    openapi::{Routes, alias, op},
    permit::{Create, Delete, List, Read, Reader, Update, Writer},
};

pub(super) fn routes() -> Routes {
    Routes::new()
        .post(
            "/messages/templates",
            create,
            op("Creates a template")
                .requires(&["name", "subject", "body"])
                .id("template"),
        )
        .get("/messages/templates", list, op("Lists templates"))
        .get(
            "/messages/templates/{template_id}",
            read,
            op("Reads a template").row::<TemplateRow>(),
        )
        .put(
            "/messages/templates/{template_id}",
            update,
            op("Changes a template").row::<TemplateRow>(),
        )
        .delete(
            "/messages/templates/{template_id}",
            delete,
            op("Deletes a template").id("template"),
        )
        .get(
            "/messages/templates/{template_id}/delete",
            delete,
            alias("DELETE /messages/templates/{template_id}"),
        )
        .put(
            "/messages/templates/{template_id}/media",
            upload,
            op("Replaces what is attached to a template")
                .takes(&["*/*"])
                .id("template"),
        )
        .get(
            "/messages/templates/{template_id}/media",
            download,
            op("Downloads what is attached to a template").file("application/octet-stream"),
        )
        .get(
            "/messages/templates/{template_id}/download",
            download,
            alias("GET /messages/templates/{template_id}/media"),
        )
        .spelt_also("/messages/templates", "/templates")
}

async fn create(
    templates: Writer<Template, Create>,
    Input(patch): Input<TemplatePatch>,
) -> Result<Answer> {
    let (id, owner) = (templates.next_id().await?, templates.user());
    templates
        .created(id, TemplateCommand::Create { id, owner, patch })
        .await
}

async fn list(templates: Reader<Template, List>, listing: Listing<TemplateRow>) -> Result<Answer> {
    templates.list(listing).await
}

async fn read(templates: Reader<Template, Read>, Path(id): Path<Id<Template>>) -> Result<Answer> {
    templates.find::<TemplateRow>(id.get()).await
}

async fn update(
    templates: Writer<Template, Update>,
    Path(id): Path<Id<Template>>,
    Input(patch): Input<TemplatePatch>,
) -> Result<Answer> {
    templates
        .updated::<TemplateRow>(id, TemplateCommand::Update(patch))
        .await
}

async fn delete(
    templates: Writer<Template, Delete>,
    Path(id): Path<Id<Template>>,
) -> Result<Answer> {
    templates.deleted(id, TemplateCommand::Delete).await
}

async fn upload(
    templates: Writer<Template, Update>,
    Path(id): Path<Id<Template>>,
    upload: Upload,
) -> Result<Answer> {
    // Before the bytes are taken: they are nobody's business if the template is not.
    templates.load(id).await?;
    let attachment = upload
        .receive(templates.caller().app(), &format!("template-{id}"))
        .await?;
    let done = templates
        .send(id, TemplateCommand::Attach(attachment))
        .await?;
    Ok(Answer::id("template", id.get())?.late(done))
}

async fn download(
    templates: Reader<Template, Read>,
    Path(id): Path<Id<Template>>,
) -> Result<axum::response::Response> {
    let row: TemplateRow = templates.row(id.get()).await?;
    let attached = row
        .attachments
        .and_then(|attached| attached.0.into_iter().next());
    let attached = attached.ok_or(Error::NotFound)?;
    media::download(templates.caller().app(), &attached).await
}

impl FromFields for TemplatePatch {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            description: fields.text("description"),
            subject: fields.text("subject"),
            body: fields.text("body"),
            body_alt: fields.text("body_alt"),
            kind: fields.text("type"),
        }
    }
}
