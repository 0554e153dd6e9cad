//! Those who call in through the sandbox: their behaviour, from the request that places the call to
//! the worker that has it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Id, delivery::Spool};
use eventstore::{Effect, EffectKind};
use sqlx::{FromRow, PgPool};

/// The time after which the row of a call is deleted whose worker died.
const KEPT: TimeDelta = TimeDelta::days(1);

/// The behaviour of somebody who calls.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Caller {
    /// The keys that they press where the call asks for some.
    pub keys: Option<String>,
    /// The seconds from the answer after which they hang up; `None`: they stay to the end.
    pub hangs_up_after: Option<i32>,
    /// The pages of the fax that they send.
    pub pages: i32,
}

impl Default for Caller {
    fn default() -> Self {
        Self {
            keys: None,
            hangs_up_after: None,
            pages: 1,
        }
    }
}

static PLACED: EffectKind = EffectKind {
    name: "placed",
    statement: "insert into sandbox.calls (spool_id, keys, hangs_up_after, pages, placed_at) \
                select spool_id::bigint, keys, hangs_up_after::int, pages::int, \
                  placed_at::timestamptz \
                from unnest({0}::text[], {1}::text[], {2}::text[], {3}::text[], {4}::text[]) \
                  as c (spool_id, keys, hangs_up_after, pages, placed_at)",
    columns: 5,
    refused_by: None,
};

/// The effect that keeps the caller's behaviour, in the transaction that opens the session.
pub fn placed(spool: Id<Spool>, caller: &Caller, at: DateTime<Utc>) -> Effect {
    Effect {
        kind: &PLACED,
        row: vec![
            Some(spool.to_string()),
            caller.keys.clone(),
            caller.hangs_up_after.map(|seconds| seconds.to_string()),
            Some(caller.pages.to_string()),
            Some(at.to_rfc3339()),
        ],
    }
}

/// The behaviour of the caller of this attempt.
///
/// # Errors
/// When the database does not answer.
pub async fn caller(pool: &PgPool, spool: Id<Spool>) -> Result<Option<Caller>, sqlx::Error> {
    sqlx::query_as("select keys, hangs_up_after, pages from sandbox.calls where spool_id = $1")
        .bind(spool.get())
        .fetch_optional(pool)
        .await
}

/// Forgets the caller of an attempt that has ended, and those of attempts that were lost.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(
    pool: &PgPool,
    spool: Id<Spool>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from sandbox.calls where spool_id = $1 or placed_at < $2")
        .bind(spool.get())
        .bind(now - KEPT)
        .execute(pool)
        .await
        .map(drop)
}
