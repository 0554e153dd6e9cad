//! The read model of programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    Event, Id, Owner,
    outreach::{Program, ProgramEvent, ProgramKind},
    values::Line,
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    reads::{By, Conditions},
    wire,
};

/// A program as clients see it, with the parameters of its type.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ProgramRow {
    pub program_id: i64,
    pub name: String,
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    pub service_flag: i32,
    pub parent_id: Option<i64>,
    pub account_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
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

/// The filter of a list of programs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ProgramFilter {
    pub program_id: Option<i64>,
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub parent_id: Option<i64>,
}

impl View for ProgramRow {
    type Filter = ProgramFilter;

    const COLUMNS: &'static str = "t.program_id, t.name, t.type, t.service_flag, t.parent_id, \
        t.account_id, t.document_id, t.recording_id, t.template_id, t.text_id, t.text, t.delay, \
        t.language, t.user_id, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.programs t";
    const ID: &'static str = "t.program_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("program_id", By::Number("t.program_id")),
        ("name", By::Text("lower(t.name)")),
        ("type", By::Text("t.type")),
        ("parent_id", By::Number("coalesce(t.parent_id, 0)")),
    ];

    fn narrow(filter: &ProgramFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.program_id", filter.program_id);
        conditions.contains("t.name", &filter.name);
        conditions.exact("t.type", filter.kind.clone());
        conditions.reference("t.parent_id", filter.parent_id);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// A user's newest program of a type.
pub async fn newest_of_type(
    pool: &PgPool,
    user_id: i64,
    kind: &str,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select program_id from read.programs where user_id = $1 and type = $2 \
         order by created_position desc limit 1",
    )
    .bind(user_id)
    .bind(kind)
    .fetch_optional(pool)
    .await
}

/// The projection that maintains `programs`.
pub struct Programs;

#[async_trait]
impl Projection for Programs {
    fn name(&self) -> &'static str {
        "programs"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Program::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["programs"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        let mut batch = Batch::default();
        for recorded in events {
            if let Event::Program(event) = &recorded.event {
                batch.take(recorded, event);
            }
        }
        insert(db, &batch.created.into_values().collect::<Vec<_>>()).await?;
        for row in batch.updated.values() {
            update(db, row).await?;
        }
        delete(db, &batch.deleted.into_iter().collect::<Vec<_>>()).await
    }
}

/// The changes of programs by a batch of events.
#[derive(Default)]
struct Batch<'e> {
    created: BTreeMap<i64, Created<'e>>,
    /// Programs that were created before the batch.
    updated: BTreeMap<i64, Details<'e>>,
    deleted: BTreeSet<i64>,
}

struct Created<'e> {
    recorded: &'e Recorded,
    owner: &'e Owner,
    now: Details<'e>,
}

/// The fields that can change, and the event that changed them last.
struct Details<'e> {
    by: &'e Recorded,
    name: &'e Line,
    kind: &'e ProgramKind,
    parent: Option<Id<Program>>,
}

impl<'e> Batch<'e> {
    fn take(&mut self, by: &'e Recorded, event: &'e ProgramEvent) {
        let id = by.aggregate_id;
        match event {
            ProgramEvent::ProgramCreated {
                owner,
                name,
                kind,
                parent_id,
                ..
            } => {
                let now = Details {
                    by,
                    name,
                    kind,
                    parent: *parent_id,
                };
                let row = Created {
                    recorded: by,
                    owner,
                    now,
                };
                self.created.insert(id, row);
            }
            ProgramEvent::ProgramUpdated {
                name,
                kind,
                parent_id,
            } => {
                let now = Details {
                    by,
                    name,
                    kind,
                    parent: *parent_id,
                };
                match self.created.get_mut(&id) {
                    Some(row) => row.now = now,
                    None => drop(self.updated.insert(id, now)),
                }
            }
            ProgramEvent::ProgramDeleted {} => {
                self.created.remove(&id);
                self.updated.remove(&id);
                self.deleted.insert(id);
            }
        }
    }
}

/// The parameters of programs, column by column.
#[derive(Default)]
struct Columns {
    account_id: Vec<Option<i64>>,
    document_id: Vec<Option<i64>>,
    recording_id: Vec<Option<i64>>,
    template_id: Vec<Option<i64>>,
    text_id: Vec<Option<i64>>,
    text: Vec<Option<String>>,
    delay: Vec<Option<i32>>,
    language: Vec<Option<String>>,
}

impl Columns {
    fn from_kinds<'k>(kinds: impl Iterator<Item = &'k ProgramKind>) -> Self {
        let mut columns = Self::default();
        for all in kinds.map(ProgramKind::parameters) {
            columns.account_id.push(all.account_id.map(Id::get));
            columns.document_id.push(all.document_id.map(Id::get));
            columns.recording_id.push(all.recording_id.map(Id::get));
            columns.template_id.push(all.template_id.map(Id::get));
            columns.text_id.push(all.text_id.map(Id::get));
            columns.text.push(all.text.map(String::from));
            let delay = all.delay.map(i32::try_from);
            columns.delay.push(delay.and_then(Result::ok));
            columns.language.push(all.language.map(String::from));
        }
        columns
    }
}

/// Inserts programs in bulk: a client may make a program for every transmission.
async fn insert(db: &mut PgConnection, rows: &[Created<'_>]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let numbers = |of: fn(&Created<'_>) -> i64| rows.iter().map(of).collect::<Vec<_>>();
    let words = |of: fn(&Created<'_>) -> String| rows.iter().map(of).collect::<Vec<_>>();
    let times = |of: fn(&Created<'_>) -> DateTime<Utc>| rows.iter().map(of).collect::<Vec<_>>();
    let columns = Columns::from_kinds(rows.iter().map(|row| row.now.kind));
    let service = |row: &Created<'_>| row.now.kind.service().flag();
    let user = |row: &Created<'_>| row.owner.user.map(Id::get);
    let parent = |row: &Created<'_>| row.now.parent.map(Id::get);
    sqlx::query(
        "insert into programs (program_id, user_id, name, type, service_flag, parent_id, \
           account_id, document_id, recording_id, template_id, text_id, text, delay, language, \
           created_position, created_at, updated_at, version, tenant_id) \
         select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::int[], \
           $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], \
           $11::bigint[], $12::text[], $13::int[], $14::text[], $15::bigint[], \
           $16::timestamptz[], $17::timestamptz[], $18::bigint[], $19::bigint[])",
    )
    .bind(numbers(|row| row.recorded.aggregate_id))
    .bind(rows.iter().map(user).collect::<Vec<_>>())
    .bind(words(|row| row.now.name.to_string()))
    .bind(words(|row| row.now.kind.kind().as_str().to_owned()))
    .bind(rows.iter().map(service).collect::<Vec<_>>())
    .bind(rows.iter().map(parent).collect::<Vec<_>>())
    .bind(columns.account_id)
    .bind(columns.document_id)
    .bind(columns.recording_id)
    .bind(columns.template_id)
    .bind(columns.text_id)
    .bind(columns.text)
    .bind(columns.delay)
    .bind(columns.language)
    .bind(numbers(|row| row.recorded.position))
    .bind(times(|row| row.recorded.occurred_at))
    .bind(times(|row| row.now.by.occurred_at))
    .bind(numbers(|row| row.now.by.sequence as i64))
    .bind(numbers(|row| row.owner.tenant.get()))
    .execute(db)
    .await
    .map(drop)
}

/// Updates a program; its type never changes.
async fn update(db: &mut PgConnection, now: &Details<'_>) -> Result<(), sqlx::Error> {
    let all = now.kind.parameters();
    sqlx::query(
        "update programs set name = $2, parent_id = $3, account_id = $4, document_id = $5, \
           recording_id = $6, template_id = $7, text_id = $8, text = $9, delay = $10, \
           language = $11, updated_at = $12, version = $13 \
         where program_id = $1",
    )
    .bind(now.by.aggregate_id)
    .bind(now.name.as_str())
    .bind(now.parent.map(Id::get))
    .bind(all.account_id.map(Id::get))
    .bind(all.document_id.map(Id::get))
    .bind(all.recording_id.map(Id::get))
    .bind(all.template_id.map(Id::get))
    .bind(all.text_id.map(Id::get))
    .bind(all.text.map(String::from))
    .bind(all.delay.map(i32::try_from).and_then(Result::ok))
    .bind(all.language.map(String::from))
    .bind(now.by.occurred_at)
    .bind(now.by.sequence as i64)
    .execute(db)
    .await
    .map(drop)
}

async fn delete(db: &mut PgConnection, ids: &[i64]) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from programs where program_id = any($1)")
        .bind(ids)
        .execute(db)
        .await
        .map(drop)
}
