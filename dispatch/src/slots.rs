//! Pacing: reserved slots to start in, handed out by the database. The slots that several workers
//! take from one key are spaced as if one worker had taken them all.
//!
//! A row stores the last slot that was handed out, but not the spacing: the next slot follows it
//! by the spacing of the present request. So a changed pace holds from the next slot on, and a
//! pace that was very slow has no lasting effect.
//!
//! A reservation is committed durably. If one were lost in a crash of the database, its slots
//! could be handed out again, and two attempts would start in one slot; a batch of slots costs
//! one flush to disk, which it shares with the appends of that moment.

use std::time::Duration;

use sqlx::{FromRow, PgPool};

/// The time without a new slot after which a key is deleted.
const FORGOTTEN_SECONDS: f64 = 86_400.0;

/// A request for slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The time from one slot to the next.
    pub spacing: Duration,
    /// The most slots to take.
    pub count: u32,
    /// No slot begins earlier than this from now: the time that the answer takes to arrive.
    pub lead: Duration,
    /// No slot begins later than this from now.
    pub horizon: Duration,
}

/// Reserved slots: `count` of them, `spacing` apart. Times are microseconds since 1970 by the
/// database's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Slots {
    /// The database's time of the answer.
    pub now: i64,
    /// The time at which the first slot begins, or would begin if none was taken.
    pub first: i64,
    /// The number of slots; 0 if the first would be past the horizon.
    pub count: i64,
}

/// Takes the next slots of a key.
pub async fn take(pool: &PgPool, key: &str, wish: Wish) -> Result<Slots, sqlx::Error> {
    loop {
        let taken = take_of_known(pool, key, wish).await?;
        if let Some(slots) = taken {
            return Ok(slots);
        }
        // A new key. Old keys are deleted on this occasion, which is cheap: there are never many
        // more keys than running campaigns.
        sqlx::query(
            "with swept as (delete from dispatch.slots \
               where last_at < now() - make_interval(secs => $2) and key <> $1) \
             insert into dispatch.slots (key, last_at) values ($1, '-infinity') \
             on conflict (key) do nothing",
        )
        .bind(key)
        .bind(FORGOTTEN_SECONDS)
        .execute(pool)
        .await?;
    }
}

/// Takes slots of a key that exists, in one statement and so one transaction. The clock is read
/// after the row is locked, so that a caller that waited takes no slot that has passed meanwhile.
async fn take_of_known(pool: &PgPool, key: &str, wish: Wish) -> Result<Option<Slots>, sqlx::Error> {
    sqlx::query_as(
        "with held as materialized ( \
           select key, last_at from dispatch.slots where key = $1 for update), \
         clock as materialized (select key, last_at, clock_timestamp() as now from held), \
         first as materialized (select key, now, greatest( \
             last_at + make_interval(secs => ceil($2 * 1e6) / 1e6), \
             now + make_interval(secs => $3)) as at from clock), \
         plan as materialized (select key, now, at, case \
             when at > now + make_interval(secs => $4) then 0 \
             else least($5, 1 + floor(extract(epoch from \
               now + make_interval(secs => $4) - at)::float8 / $2)) end as count from first), \
         moved as (update dispatch.slots s set last_at = plan.at \
             + make_interval(secs => ceil((plan.count - 1) * $2 * 1e6) / 1e6) \
           from plan where s.key = plan.key and plan.count > 0) \
         select (extract(epoch from now) * 1000000)::bigint as now, \
           (extract(epoch from at) * 1000000)::bigint as first, count::bigint from plan",
    )
    .bind(key)
    .bind(wish.spacing.as_secs_f64())
    .bind(wish.lead.as_secs_f64())
    .bind(wish.horizon.as_secs_f64())
    .bind(f64::from(wish.count))
    .fetch_optional(pool)
    .await
}
