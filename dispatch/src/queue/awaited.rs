//! Attempts that a provider accepted and whose delivery report is awaited.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};

/// An attempt whose delivery report is awaited.
pub(super) struct Awaited {
    pub spool_id: i64,
    pub transmission_id: i64,
    pub provider_id: i64,
    pub message_id: Option<String>,
    pub until: DateTime<Utc>,
}

pub(super) async fn insert(db: &mut PgConnection, rows: &[Awaited]) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into awaited (spool_id, transmission_id, until, provider_id, message_id) \
         select * from unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[], \
           $5::text[]) \
         on conflict (spool_id) do nothing",
    )
    .bind(rows.iter().map(|row| row.spool_id).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.transmission_id)
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(|row| row.until).collect::<Vec<_>>())
    .bind(rows.iter().map(|row| row.provider_id).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.message_id.as_deref())
            .collect::<Vec<_>>(),
    )
    .execute(db)
    .await
    .map(drop)
}

/// The attempts whose report is overdue at `now`, the longest first, as `(spool, transmission)`.
pub async fn overdue_reports(
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

/// An attempt found by the provider's message id.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Named {
    /// The provider.
    pub provider_id: i64,
    /// The provider's id of the message.
    pub message_id: String,
    /// The attempt.
    pub spool_id: i64,
    /// The transmission that it is an attempt of.
    pub transmission_id: i64,
}

/// Finds attempts by `(provider, message id)`; of several with the same id the newest, since
/// message centres reuse their ids.
pub async fn named(pool: &PgPool, wanted: &[(i64, String)]) -> Result<Vec<Named>, sqlx::Error> {
    let (providers, messages): (Vec<i64>, Vec<&str>) = wanted
        .iter()
        .map(|(provider, message)| (*provider, message.as_str()))
        .unzip();
    sqlx::query_as(
        "select distinct on (a.provider_id, a.message_id) \
           a.provider_id, a.message_id, a.spool_id, a.transmission_id \
         from unnest($1::bigint[], $2::text[]) as wanted (provider_id, message_id) \
         join dispatch.awaited a using (provider_id, message_id) \
         order by a.provider_id, a.message_id, a.spool_id desc",
    )
    .bind(providers)
    .bind(messages)
    .fetch_all(pool)
    .await
}
