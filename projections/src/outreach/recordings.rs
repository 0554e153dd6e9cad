//! The read model of recordings.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    outreach::{Recording, RecordingContent, RecordingEvent, Sound},
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

/// A recording as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct RecordingRow {
    pub recording_id: i64,
    pub name: Option<String>,
    pub description: Option<String>,
    /// The type of the downloadable file.
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of the uploaded file.
    pub file_name: Option<String>,
    /// The length in seconds, rounded up.
    pub length: Option<i32>,
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

/// The filter of a list of recordings.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RecordingFilter {
    pub recording_id: Option<i64>,
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub description: Option<String>,
}

impl View for RecordingRow {
    type Filter = RecordingFilter;

    const COLUMNS: &'static str = "t.recording_id, t.name, t.description, t.type, t.file_name, \
        t.length, t.user_id, t.tenant_id, t.media, t.created_position, t.version";
    const FROM: &'static str = "from read.recordings t";
    const ID: &'static str = "t.recording_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("recording_id", By::Number("t.recording_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        ("file_name", By::Text("lower(coalesce(t.file_name, ''))")),
        ("length", By::Number("coalesce(t.length, 0)")),
    ];

    fn narrow(filter: &RecordingFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.recording_id", filter.recording_id);
        conditions.contains("t.name", &filter.name);
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

/// The projection that maintains `recordings`.
pub struct Recordings;

#[async_trait]
impl Projection for Recordings {
    fn name(&self) -> &'static str {
        "recordings"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Recording::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["recordings"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            if let Event::Recording(event) = &recorded.event {
                apply(db, recorded, event).await?;
            }
        }
        Ok(())
    }
}

async fn apply(
    db: &mut PgConnection,
    recorded: &Recorded,
    event: &RecordingEvent,
) -> Result<(), sqlx::Error> {
    use RecordingEvent::{RecordingCreated, RecordingDeleted, RecordingSoundSet, RecordingUpdated};
    let id = recorded.aggregate_id;
    match event {
        RecordingCreated { owner, content, .. } => {
            sqlx::query(
                "insert into recordings (recording_id, user_id, tenant_id, type, created_position, \
                   created_at, updated_at, version) values ($1, $2, $3, 'wav', $4, $5, $5, 0)",
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
        RecordingUpdated { content } => set_content(db, id, content.get()).await?,
        RecordingSoundSet { sound } => set_sound(db, id, sound.get()).await?,
        RecordingDeleted {} => {
            return writes::delete(db, recorded, &["recordings"], "recording_id").await;
        }
    }
    writes::touch(db, recorded, "recordings", "recording_id").await
}

async fn set_content(
    db: &mut PgConnection,
    id: i64,
    content: Option<&RecordingContent>,
) -> Result<(), sqlx::Error> {
    let name = content.and_then(|content| content.name.as_ref());
    let description = content.and_then(|content| content.description.as_ref());
    sqlx::query("update recordings set name = $2, description = $3 where recording_id = $1")
        .bind(id)
        .bind(name.map(Line::as_str))
        .bind(description.map(Body::as_str))
        .execute(db)
        .await
        .map(drop)
}

async fn set_sound(
    db: &mut PgConnection,
    id: i64,
    sound: Option<&Sound>,
) -> Result<(), sqlx::Error> {
    let seconds = |sound: &Sound| i32::try_from(sound.seconds()).unwrap_or(i32::MAX);
    sqlx::query(
        "update recordings set media = $2, file_name = $3, size = $4, length = $5 \
         where recording_id = $1",
    )
    .bind(id)
    .bind(sound.map(|sound| sound.media.0.as_str()))
    .bind(sound.and_then(|sound| sound.file_name.as_deref()))
    .bind(sound.map(|sound| sound.size))
    .bind(sound.map(seconds))
    .execute(db)
    .await
    .map(drop)
}
