//! Slots to start in, handed out by the database: what several workers take from one key
//! together is as far apart as if one had taken it.
//!
//! A row keeps the last slot that was handed out, and nothing of the spacing: the next
//! one is the spacing that holds now after it. So a pace that changes holds from the next
//! slot on, and one that was very slow leaves nothing behind.
//!
//! Taking is committed durably. A take that were lost with the database's power could be
//! handed out a second time, and two would start where one may; a batch of slots costs
//! one wait for the disk, which it shares with whatever is appended at that moment.

use std::time::Duration;

use sqlx::{FromRow, PgPool};

/// What nobody took a slot of for so long is over.
const FORGOTTEN_SECONDS: f64 = 86_400.0;

/// How slots are to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// From one slot to the next.
    pub spacing: Duration,
    /// How many at most.
    pub count: u32,
    /// No slot begins earlier than this from now: what the answer takes to arrive.
    pub lead: Duration,
    /// No slot begins later than this from now.
    pub horizon: Duration,
}

/// Slots that were taken: `count` of them, `spacing` apart. Times are microseconds of
/// the database's clock since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Slots {
    /// The time while the answer was made.
    pub now: i64,
    /// When the first slot begins, or, if there are none, when it would begin.
    pub first: i64,
    /// How many there are; none if the first would be past the horizon.
    pub count: i64,
}

/// Takes the next slots of a key.
pub async fn take(pool: &PgPool, key: &str, wish: Wish) -> Result<Slots, sqlx::Error> {
    loop {
        let taken = take_of_known(pool, key, wish).await?;
        if let Some(slots) = taken {
            return Ok(slots);
        }
        // A new key; the old ones are swept on the occasion, for there are never many
        // more than there are campaigns that run.
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

/// One statement, and so one transaction. The clock is read when the row is ours: whoever
/// waited for it does not take a slot that has passed meanwhile.
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
