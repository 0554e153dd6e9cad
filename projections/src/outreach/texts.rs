//! The read model of texts for short messages.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    outreach::{Text, TextContent, TextEvent},
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

/// A text as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct TextRow {
    pub text_id: i64,
    pub name: Option<String>,
    pub description: Option<String>,
    pub data: Option<String>,
    /// The encoding in which the text is sent: plain, binary or unicode.
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The encoding as a number.
    pub encoding: Option<i32>,
    pub class: i32,
    /// The length in units of the encoding: GSM characters, UTF-16 code units or bytes.
    pub length: Option<i32>,
    /// The number of short messages that the text takes.
    pub parts: Option<i32>,
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

/// The filter of a list of texts.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TextFilter {
    pub text_id: Option<i64>,
    pub name: Option<String>,
    pub data: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub description: Option<String>,
}

impl View for TextRow {
    type Filter = TextFilter;

    const COLUMNS: &'static str = "t.text_id, t.name, t.description, t.data, t.type, t.encoding, \
        t.class, t.length, t.parts, t.user_id, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.texts t";
    const ID: &'static str = "t.text_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("text_id", By::Number("t.text_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        ("type", By::Text("coalesce(t.type, '')")),
        ("length", By::Number("coalesce(t.length, 0)")),
    ];

    fn narrow(filter: &TextFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.text_id", filter.text_id);
        conditions.contains("t.name", &filter.name);
        conditions.contains("t.data", &filter.data);
        let word = |kind: &String| kind.trim().to_lowercase();
        conditions.exact("t.type", filter.kind.as_ref().map(word));
        conditions.contains("t.description", &filter.description);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `texts`.
pub struct Texts;

#[async_trait]
impl Projection for Texts {
    fn name(&self) -> &'static str {
        "texts"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Text::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["texts"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            if let Event::Text(event) = &recorded.event {
                apply(db, recorded, event).await?;
            }
        }
        Ok(())
    }
}

async fn apply(
    db: &mut PgConnection,
    recorded: &Recorded,
    event: &TextEvent,
) -> Result<(), sqlx::Error> {
    use TextEvent::{TextCreated, TextDeleted, TextUpdated};
    match event {
        TextCreated { owner, content, .. } => {
            sqlx::query(
                "insert into texts (text_id, user_id, tenant_id, class, created_position, created_at, \
                   updated_at, version) values ($1, $2, $3, 0, $4, $5, $5, 0)",
            )
            .bind(recorded.aggregate_id)
            .bind(owner.user.map(Id::get))
            .bind(owner.tenant.get())
            .bind(recorded.position)
            .bind(recorded.occurred_at)
            .execute(&mut *db)
            .await?;
            set_content(db, recorded, content.get()).await
        }
        TextUpdated { content } => set_content(db, recorded, content.get()).await,
        TextDeleted {} => writes::delete(db, recorded, &["texts"], "text_id").await,
    }
}

async fn set_content(
    db: &mut PgConnection,
    recorded: &Recorded,
    content: Option<&TextContent>,
) -> Result<(), sqlx::Error> {
    let nothing = TextContent::default();
    let content = content.unwrap_or(&nothing);
    let sms = content.sms();
    let encoding = sms.as_ref().map(|sms| sms.encoding);
    let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
    sqlx::query(
        "update texts set name = $2, description = $3, data = $4, type = $5, encoding = $6, \
           class = $7, length = $8, parts = $9, updated_at = $10, version = $11 \
         where text_id = $1",
    )
    .bind(recorded.aggregate_id)
    .bind(content.name.as_ref().map(Line::as_str))
    .bind(content.description.as_ref().map(Body::as_str))
    .bind(content.data.as_ref().map(Body::as_str))
    .bind(encoding.map(|encoding| encoding.as_str()))
    .bind(encoding.map(|encoding| encoding.number()))
    .bind(content.class.number())
    .bind(sms.as_ref().map(|sms| count(sms.length)))
    .bind(sms.as_ref().map(|sms| count(sms.parts.len())))
    .bind(recorded.occurred_at)
    .bind(recorded.sequence as i64)
    .execute(db)
    .await
    .map(drop)
}
