//! The read model of documents.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    outreach::{Document, DocumentContent, DocumentEvent, Pages},
    values::{Body, Line},
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    reads::{By, Conditions},
    wire, writes,
};

/// A document as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct DocumentRow {
    pub document_id: i64,
    pub name: Option<String>,
    pub description: Option<String>,
    /// The type of the uploaded file.
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of the uploaded file.
    pub file_name: Option<String>,
    pub quality: String,
    /// The number of pages; null before an upload.
    pub pages: Option<i32>,
    /// The size of the downloadable file, in bytes.
    pub size: Option<i64>,
    pub user_id: i64,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub media: Option<String>,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of documents.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DocumentFilter {
    pub document_id: Option<i64>,
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub description: Option<String>,
    pub file_name: Option<String>,
    pub quality: Option<String>,
    pub pages: Option<i32>,
}

impl View for DocumentRow {
    type Filter = DocumentFilter;

    const COLUMNS: &'static str = "t.document_id, t.name, t.description, t.type, t.file_name, \
        t.quality, t.pages, t.size, t.user_id, t.tenant_id, t.media, t.created_position, t.version";
    const FROM: &'static str = "from read.documents t";
    const ID: &'static str = "t.document_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("document_id", By::Number("t.document_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        ("file_name", By::Text("lower(coalesce(t.file_name, ''))")),
        ("type", By::Text("t.type")),
        ("quality", By::Text("t.quality")),
        ("pages", By::Number("coalesce(t.pages, 0)")),
        ("size", By::Number("coalesce(t.size, 0)")),
    ];

    fn narrow(filter: &DocumentFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.document_id", filter.document_id);
        conditions.contains("t.name", &filter.name);
        let word = |kind: &String| kind.trim().to_lowercase();
        conditions.exact("t.type", filter.kind.as_ref().map(word));
        conditions.contains("t.description", &filter.description);
        conditions.contains("t.file_name", &filter.file_name);
        conditions.exact("t.quality", filter.quality.as_ref().map(word));
        conditions.exact("coalesce(t.pages, 0)", filter.pages);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `documents`.
pub struct Documents;

#[async_trait]
impl Projection for Documents {
    fn name(&self) -> &'static str {
        "documents"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Document::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["documents"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            if let Event::Document(event) = &recorded.event {
                apply(db, recorded, event).await?;
            }
        }
        Ok(())
    }
}

async fn apply(
    db: &mut PgConnection,
    recorded: &Recorded,
    event: &DocumentEvent,
) -> Result<(), sqlx::Error> {
    use DocumentEvent::{DocumentCreated, DocumentDeleted, DocumentPagesSet, DocumentUpdated};
    let id = recorded.aggregate_id;
    match event {
        DocumentCreated { owner, content, .. } => {
            sqlx::query(
                "insert into documents (document_id, user_id, tenant_id, type, quality, \
                   created_position, created_at, updated_at, version) \
                 values ($1, $2, $3, 'pdf', 'standard', $4, $5, $5, 0)",
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
        DocumentUpdated { content } => set_content(db, id, content.get()).await?,
        DocumentPagesSet { pages } => set_pages(db, id, pages.get()).await?,
        DocumentDeleted {} => {
            return writes::delete(db, recorded, &["documents"], "document_id").await;
        }
    }
    writes::touch(db, recorded, "documents", "document_id").await
}

async fn set_content(
    db: &mut PgConnection,
    id: i64,
    content: Option<&DocumentContent>,
) -> Result<(), sqlx::Error> {
    let name = content.and_then(|content| content.name.as_ref());
    let description = content.and_then(|content| content.description.as_ref());
    let quality = content.map(|content| content.quality).unwrap_or_default();
    sqlx::query(
        "update documents set name = $2, description = $3, quality = $4 where document_id = $1",
    )
    .bind(id)
    .bind(name.map(Line::as_str))
    .bind(description.map(Body::as_str))
    .bind(quality.name())
    .execute(db)
    .await
    .map(drop)
}

async fn set_pages(
    db: &mut PgConnection,
    id: i64,
    pages: Option<&Pages>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update documents set media = $2, size = $3, fax_media = $4, pages = $5, file_name = $6, \
           type = coalesce($7, 'pdf') where document_id = $1",
    )
    .bind(id)
    .bind(pages.map(|pages| pages.pdf.0.as_str()))
    .bind(pages.map(|pages| pages.size))
    .bind(pages.map(|pages| pages.fax.0.as_str()))
    .bind(pages.map(|pages| pages.count))
    .bind(pages.and_then(|pages| pages.file_name.as_deref()))
    .bind(pages.map(|pages| pages.kind.as_str()))
    .execute(db)
    .await
    .map(drop)
}
