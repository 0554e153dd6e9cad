//! `/messages/templates`, also `/templates`.

use axum::{extract::FromRequestParts, http::request::Parts};
use domain::{
    Id,
    outreach::{Attachment, MessageId, Template, TemplateCommand, TemplatePatch},
};
use projections::outreach::{templates::TemplateRow, uses};
use utoipa::openapi::{ObjectBuilder, schema::Type};

use super::media::{self, Upload};
use crate::{
    App, Error, Result,
    answer::{Answer, id_of},
    authorization::{Create, Delete, List, Noun, Owned, Read, Reader, Update, Writer},
    extract::{Fields, FromFields, Input, Listing, Path, query_pairs},
    openapi::{Describe, Routes, Sketch, op},
};

impl Noun for Template {
    const NAME: &'static str = "template";
    const OWNED: Owned = Owned::ByUsers("template_admin");
}

pub(super) fn routes() -> Routes {
    Routes::crud::<TemplateRow>("/messages/templates", "template")
        .create(
            create,
            op("Creates a template").requires(&["name", "subject", "body"]),
        )
        .list(list, op("Lists templates"))
        .read(read, op("Reads a template"))
        .update(update, op("Changes a template"))
        .delete(
            delete,
            op("Deletes a template").note("423 while a program names it."),
        )
        .done()
        .put(
            "/messages/templates/{template_id}/media",
            upload,
            op("Replaces what is attached to a template")
                .takes(&["*/*"])
                .id("template"),
        )
        .post(
            "/messages/templates/{template_id}/media",
            append,
            op("Adds an attachment").takes(&["*/*"]).id("template"),
        )
        .get(
            "/messages/templates/{template_id}/media",
            download,
            op("Downloads what is attached to a template").file("*/*"),
        )
        .aliases(&["GET /messages/templates/{template_id}/download"])
        .spelt_also("/messages/templates", "/templates")
}

async fn create(
    templates: Writer<Template, Create>,
    Input(patch): Input<TemplatePatch>,
) -> Result<Answer> {
    let (id, owner) = (templates.next_id().await?, templates.owner()?);
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
    templates.load(id).await?;
    let message = MessageId::Template(id);
    let uses = uses::uses_of_message(templates.pool(), message).await?;
    templates.deleted(id, TemplateCommand::Delete(uses)).await
}

async fn upload(
    templates: Writer<Template, Update>,
    Path(id): Path<Id<Template>>,
    upload: Upload,
) -> Result<Answer> {
    // Before the upload is read: an unknown template is refused first.
    templates.load(id).await?;
    let attachment = upload
        .receive(templates.caller().app(), &format!("template-{id}"))
        .await?;
    let attach = TemplateCommand::Attach(attachment);
    templates
        .answered(id, attach, id_of("template", id.get()))
        .await
}

async fn append(
    templates: Writer<Template, Update>,
    Path(id): Path<Id<Template>>,
    upload: Upload,
) -> Result<Answer> {
    let app = templates.caller().app();
    // A mail with all attachments is to be no larger than a mail with the largest one.
    let most_bytes = i64::try_from(app.config().upload_limit).unwrap_or(i64::MAX);
    let room = templates.load(id).await?.aggregate.room(most_bytes)?;
    let room = usize::try_from(room).unwrap_or_default();
    let attachment = upload
        .receive_within(room, app, &format!("template-{id}"))
        .await?;
    let command = TemplateCommand::AttachAlso {
        attachment,
        most_bytes,
    };
    templates
        .answered(id, command, id_of("template", id.get()))
        .await
}

async fn download(
    templates: Reader<Template, Read>,
    Path(id): Path<Id<Template>>,
    which: Which,
) -> Result<axum::response::Response> {
    let row: TemplateRow = templates.row(id.get()).await?;
    let attached = row.attachments.map(|all| all.0).unwrap_or_default();
    let attached = which.select(attached).ok_or(Error::NotFound)?;
    media::download(templates.caller().app(), &attached).await
}

/// `?n=2` or `?file_name=offer.pdf`: the number or the name of an attachment; without, the first.
struct Which {
    n: usize,
    file_name: Option<String>,
}

impl Which {
    fn select(&self, attached: Vec<Attachment>) -> Option<Attachment> {
        let named = |one: &Attachment| match &self.file_name {
            Some(name) => one.file_name == *name,
            None => true,
        };
        attached.into_iter().filter(named).nth(self.n - 1)
    }
}

impl FromRequestParts<App> for Which {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self> {
        let (mut n, mut file_name) = (1, None);
        for (name, value) in query_pairs(parts)? {
            match name.as_str() {
                "n" => {
                    let number = value.trim().parse().ok().filter(|n| *n > 0);
                    n = number.ok_or_else(|| Error::invalid("n", "must be 1 or more"))?;
                }
                "file_name" => file_name = Some(value),
                _ => return Err(Error::invalid(name, "must be n or file_name")),
            }
        }
        Ok(Self { n, file_name })
    }
}

impl Describe for Which {
    fn describe(sketch: &mut Sketch) {
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        let said = "Which of the attachments, or of those of this name, counted from 1.";
        sketch.query("n", said, number.minimum(Some(1)));
        let name = ObjectBuilder::new().schema_type(Type::String);
        sketch.query("file_name", "The name of the attachment.", name);
        sketch.refuses(&[412]);
    }
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
