//! The read model of results: details that were learned during attempts.

use chrono::{DateTime, Utc};
use domain::{
    Scope,
    delivery::{SpoolResult, TransmissionEvent},
};
use serde::Serialize;
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::ToSchema;

use super::occurred::{Occurred, storable};
use crate::reads::Scoped;

/// The most results kept of one event; their ids are derived from its position.
const PER_EVENT: i64 = SpoolResult::MOST_IN_EVENT as i64;

/// A result as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct SpoolResultRow {
    pub spool_result_id: i64,
    pub spool_id: i64,
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    pub data: Option<String>,
}

/// The results of an attempt.
pub async fn of_spool(
    pool: &PgPool,
    spool_id: i64,
    scope: &Scope,
) -> Result<Vec<SpoolResultRow>, sqlx::Error> {
    read(pool, "s.spool_id = $1", spool_id, scope).await
}

/// The results of all attempts of a transmission.
pub async fn of_transmission(
    pool: &PgPool,
    transmission_id: i64,
    scope: &Scope,
) -> Result<Vec<SpoolResultRow>, sqlx::Error> {
    read(pool, "s.transmission_id = $1", transmission_id, scope).await
}

async fn read(
    pool: &PgPool,
    of: &str,
    id: i64,
    scope: &Scope,
) -> Result<Vec<SpoolResultRow>, sqlx::Error> {
    let within = Scoped::condition("s", 2);
    let sql = format!(
        "select r.spool_result_id, r.spool_id, r.type, r.name, r.data \
         from read.spools s join read.spool_results r using (spool_id) \
         where {of} and {within} order by r.spool_result_id"
    );
    let query = sqlx::query_as(&sql).bind(id);
    Scoped::new(scope).bind(query).fetch_all(pool).await
}

/// Writes the results in these events.
pub(super) async fn take_in(
    db: &mut PgConnection,
    events: &[Occurred<'_>],
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = events.iter().flat_map(rows).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let text = |field: fn(&SpoolResult) -> &str| -> Vec<String> {
        rows.iter().map(|row| storable(field(row.result))).collect()
    };
    sqlx::query(
        "insert into spool_results (spool_result_id, spool_id, type, name, data, created_at) \
         select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], \
           $6::timestamptz[])",
    )
    .bind(rows.iter().map(|row| row.id).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.spool_id).collect::<Vec<_>>())
    .bind(text(|result| result.kind.as_str()))
    .bind(text(|result| &result.name))
    .bind(text(|result| &result.data))
    .bind(rows.iter().map(|row| row.at).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}

struct Row<'e> {
    id: i64,
    spool_id: i64,
    at: DateTime<Utc>,
    result: &'e SpoolResult,
}

fn rows<'e>(occurred: &Occurred<'e>) -> impl Iterator<Item = Row<'e>> + use<'e> {
    let recorded = occurred.recorded;
    let (spool_id, results) = match occurred.event {
        TransmissionEvent::ResultRecorded { spool, results } => {
            (spool.get(), results.get().map_or(&[][..], Vec::as_slice))
        }
        _ => (0, &[][..]),
    };
    (0..PER_EVENT).zip(results).map(move |(index, result)| Row {
        id: (recorded.position - 1) * PER_EVENT + index + 1,
        spool_id,
        at: recorded.occurred_at,
        result,
    })
}
