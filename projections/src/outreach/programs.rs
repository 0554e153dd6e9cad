//! Programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    access::User,
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
};

/// A program as clients see it.
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
    pub template_id: Option<i64>,
    pub account_id: Option<i64>,
    pub user_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// By what programs can be filtered.
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
        t.template_id, t.account_id, t.user_id, t.created_position, t.version";
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
}

/// How many transmissions of a program have not ended.
pub async fn open_transmissions(pool: &PgPool, program_id: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from read.transmissions \
         where program_id = $1 and status in ('pending', 'processing')",
    )
    .bind(program_id)
    .fetch_one(pool)
    .await
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

/// Keeps `programs`.
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
        let mut created = BTreeMap::new();
        let mut deleted = BTreeSet::new();
        for recorded in events {
            match &recorded.event {
                Event::Program(ProgramEvent::ProgramCreated {
                    owner,
                    name,
                    kind,
                    parent_id,
                    ..
                }) => {
                    let row = Created {
                        recorded,
                        owner,
                        name,
                        kind,
                        parent: *parent_id,
                    };
                    created.insert(recorded.aggregate_id, row);
                }
                Event::Program(ProgramEvent::ProgramDeleted {}) => {
                    created.remove(&recorded.aggregate_id);
                    deleted.insert(recorded.aggregate_id);
                }
                _ => {}
            }
        }
        insert(db, &created.into_values().collect::<Vec<_>>()).await?;
        delete(db, &deleted.into_iter().collect::<Vec<_>>()).await
    }
}

struct Created<'e> {
    recorded: &'e Recorded,
    owner: &'e Id<User>,
    name: &'e Line,
    kind: &'e ProgramKind,
    parent: Option<Id<Program>>,
}

/// Many at once: a client may make a program for every transmission.
async fn insert(db: &mut PgConnection, rows: &[Created<'_>]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let parts = |row: &Created<'_>| match row.kind {
        ProgramKind::SendEmail {
            template_id,
            account_id,
        } => (Some(template_id.get()), account_id.map(Id::get)),
    };
    let owned = |row: &Created<'_>| row.name.as_str().to_owned();
    sqlx::query(
        "insert into programs (program_id, user_id, name, type, service_flag, parent_id, \
           template_id, account_id, created_position, created_at, updated_at, version) \
         select program_id, user_id, name, type, service_flag, parent_id, template_id, \
           account_id, position, occurred_at, occurred_at, version \
         from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::int[], \
           $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::timestamptz[], \
           $11::bigint[]) as u (program_id, user_id, name, type, service_flag, parent_id, \
           template_id, account_id, position, occurred_at, version)",
    )
    .bind(
        rows.iter()
            .map(|row| row.recorded.aggregate_id)
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(|row| row.owner.get()).collect::<Vec<_>>())
    .bind(rows.iter().map(owned).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.kind.name()).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.kind.service().flag())
            .collect::<Vec<_>>(),
    )
    .bind(
        rows.iter()
            .map(|row| row.parent.map(Id::get))
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(|row| parts(row).0).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| parts(row).1).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.recorded.position)
            .collect::<Vec<_>>(),
    )
    .bind(
        rows.iter()
            .map(|row| row.recorded.occurred_at)
            .collect::<Vec<_>>(),
    )
    .bind(
        rows.iter()
            .map(|row| row.recorded.sequence as i64)
            .collect::<Vec<_>>(),
    )
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
