//! The read model of email templates.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    outreach::{Attachment, Template, TemplateContent, TemplateEvent},
    values::{Body, Line},
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, types::Json};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    reads::{By, Conditions},
    wire, writes,
};

/// A template as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct TemplateRow {
    pub template_id: i64,
    pub name: Option<String>,
    pub description: Option<String>,
    pub subject: Option<String>,
    pub body: Option<String>,
    pub body_alt: Option<String>,
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The size of the attachments, in bytes.
    pub length: Option<i64>,
    #[schema(value_type = Option<Vec<Object>>)]
    pub attachments: Option<Json<Vec<Attachment>>>,
    pub user_id: i64,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of templates.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TemplateFilter {
    pub template_id: Option<i64>,
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub description: Option<String>,
    pub subject: Option<String>,
    pub body: Option<String>,
    pub body_alt: Option<String>,
}

impl View for TemplateRow {
    type Filter = TemplateFilter;

    const COLUMNS: &'static str = "t.template_id, t.name, t.description, t.subject, t.body, \
        t.body_alt, t.type, t.length, t.attachments, t.user_id, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.templates t";
    const ID: &'static str = "t.template_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("template_id", By::Number("t.template_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        ("subject", By::Text("lower(coalesce(t.subject, ''))")),
        ("type", By::Text("lower(coalesce(t.type, ''))")),
        ("length", By::Number("coalesce(t.length, 0)")),
    ];

    fn narrow(filter: &TemplateFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.template_id", filter.template_id);
        conditions.contains("t.name", &filter.name);
        conditions.contains("t.type", &filter.kind);
        conditions.contains("t.description", &filter.description);
        conditions.contains("t.subject", &filter.subject);
        conditions.contains("t.body", &filter.body);
        conditions.contains("t.body_alt", &filter.body_alt);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `templates`.
pub struct Templates;

#[async_trait]
impl Projection for Templates {
    fn name(&self) -> &'static str {
        "templates"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Template::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["templates"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            if let Event::Template(event) = &recorded.event {
                apply(db, recorded, event).await?;
            }
        }
        Ok(())
    }
}

async fn apply(
    db: &mut PgConnection,
    recorded: &Recorded,
    event: &TemplateEvent,
) -> Result<(), sqlx::Error> {
    use TemplateEvent::{TemplateCreated, TemplateDeleted, TemplateMediaAttached, TemplateUpdated};
    let id = recorded.aggregate_id;
    match event {
        TemplateCreated { owner, content, .. } => {
            sqlx::query(
                "insert into templates (template_id, user_id, tenant_id, created_position, created_at, \
                   updated_at, version) values ($1, $2, $3, $4, $5, $5, 0)",
            )
            .bind(id)
            .bind(owner.user.map(Id::get))
            .bind(owner.tenant.get())
            .bind(recorded.position)
            .bind(recorded.occurred_at)
            .execute(&mut *db)
            .await?;
            set_content(db, id, content.get()).await?;
        }
        TemplateUpdated { content } => set_content(db, id, content.get()).await?,
        TemplateMediaAttached { attachments } => {
            let attached = attachments.get().filter(|attached| !attached.is_empty());
            let length = attached.map(|attached| attached.iter().map(|a| a.size).sum::<i64>());
            sqlx::query(
                "update templates set attachments = $2, length = $3 where template_id = $1",
            )
            .bind(id)
            .bind(attached.map(Json))
            .bind(length)
            .execute(&mut *db)
            .await?;
        }
        TemplateDeleted {} => {
            return writes::delete(db, recorded, &["templates"], "template_id").await;
        }
    }
    writes::touch(db, recorded, "templates", "template_id").await
}

async fn set_content(
    db: &mut PgConnection,
    id: i64,
    content: Option<&TemplateContent>,
) -> Result<(), sqlx::Error> {
    let line = |field: fn(&TemplateContent) -> &Option<Line>| {
        let value = content.and_then(|content| field(content).as_ref());
        value.map(Line::as_str)
    };
    let body = |field: fn(&TemplateContent) -> &Option<Body>| {
        let value = content.and_then(|content| field(content).as_ref());
        value.map(Body::as_str)
    };
    sqlx::query(
        "update templates set name = $2, description = $3, subject = $4, body = $5, \
           body_alt = $6, type = $7 where template_id = $1",
    )
    .bind(id)
    .bind(line(|content| &content.name))
    .bind(body(|content| &content.description))
    .bind(line(|content| &content.subject))
    .bind(body(|content| &content.body))
    .bind(body(|content| &content.body_alt))
    .bind(line(|content| &content.kind))
    .execute(db)
    .await
    .map(drop)
}
