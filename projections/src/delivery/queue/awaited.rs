//! Attempts that were taken and whose report is to come.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

/// An attempt whose report is awaited.
pub(super) struct Awaited {
    pub spool_id: i64,
    pub transmission_id: i64,
    pub until: DateTime<Utc>,
}

pub(super) async fn insert(db: &mut PgConnection, rows: &[Awaited]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into awaited (spool_id, transmission_id, until) \
         select * from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) \
         on conflict (spool_id) do nothing",
    )
    .bind(rows.iter().map(|row| row.spool_id).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.transmission_id)
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(|row| row.until).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}

/// Those whose report is too late at `now`, the longest first: `(spool, transmission)`.
pub async fn silent(
    pool: &PgPool,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(i64, i64)>, sqlx::Error> {
    sqlx::query_as(
        "select spool_id, transmission_id from dispatch.awaited \
         where until <= $1 order by until limit $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(pool)
    .await
}
