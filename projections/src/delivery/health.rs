//! What running workers say of themselves and of the providers, every few seconds. It
//! is no read model: nothing of it is in the log, and it means nothing once it is old.

use chrono::{DateTime, Utc, serde::ts_seconds_option};
use serde::Serialize;
use sqlx::{FromRow, PgPool};
use utoipa::ToSchema;

/// What a worker that has said nothing for so long is taken for: gone.
const SILENT_SECONDS: i32 = 10;
/// When what is left of it is swept.
const FORGOTTEN_SECONDS: i32 = 600;

/// What a worker knows of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderHealth {
    /// Which one.
    pub provider_id: i64,
    /// Whether the last contact went well; unknown before the first.
    pub reachable: Option<bool>,
    /// Whether it is registered there; unknown where one does not register.
    pub registered: Option<bool>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Attempts under way.
    pub in_flight: i32,
    /// Attempts started in the last minute.
    pub rate: i32,
    /// `working`, `resting` or `probing`.
    pub state: &'static str,
    /// When one attempt tries it again, while it rests.
    pub resting_until: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub failures: i32,
    /// Attempts of the last minute by how they ended: delivered, rejected, unanswered,
    /// unavailable, unknown.
    pub ended: [i32; 5],
}

impl Default for ProviderHealth {
    fn default() -> Self {
        Self {
            provider_id: 0,
            reachable: None,
            registered: None,
            last_error: None,
            in_flight: 0,
            rate: 0,
            state: "working",
            resting_until: None,
            failures: 0,
            ended: [0; 5],
        }
    }
}

/// Says that this worker runs, and what it knows; replaces what it said before.
pub async fn publish(
    pool: &PgPool,
    worker: &str,
    node_id: Option<i32>,
    providers: &[ProviderHealth],
) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "insert into dispatch.workers (worker, node_id, started_at, seen_at) \
         values ($1, $2, now(), now()) \
         on conflict (worker) do update set node_id = excluded.node_id, seen_at = now()",
    )
    .bind(worker)
    .bind(node_id)
    .execute(&mut *transaction)
    .await?;
    let ids: Vec<i64> = providers.iter().map(|it| it.provider_id).collect();
    sqlx::query(
        "delete from dispatch.provider_health where worker = $1 and provider_id <> all($2)",
    )
    .bind(worker)
    .bind(&ids)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "insert into dispatch.provider_health (worker, provider_id, reachable, registered, \
           last_error, in_flight, rate, state, resting_until, failures, delivered, rejected, \
           unanswered, unavailable, unknown) \
         select $1, * from unnest($2::bigint[], $3::boolean[], $4::boolean[], $5::text[], \
           $6::integer[], $7::integer[], $8::text[], $9::timestamptz[], $10::integer[], \
           $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::integer[]) \
         on conflict (worker, provider_id) do update set reachable = excluded.reachable, \
           registered = excluded.registered, last_error = excluded.last_error, \
           in_flight = excluded.in_flight, rate = excluded.rate, state = excluded.state, \
           resting_until = excluded.resting_until, failures = excluded.failures, \
           delivered = excluded.delivered, rejected = excluded.rejected, \
           unanswered = excluded.unanswered, unavailable = excluded.unavailable, \
           unknown = excluded.unknown",
    )
    .bind(worker)
    .bind(ids)
    .bind(column(providers, |it| it.reachable))
    .bind(column(providers, |it| it.registered))
    .bind(column(providers, |it| it.last_error.clone()))
    .bind(column(providers, |it| it.in_flight))
    .bind(column(providers, |it| it.rate))
    .bind(column(providers, |it| it.state))
    .bind(column(providers, |it| it.resting_until))
    .bind(column(providers, |it| it.failures))
    .bind(column(providers, |it| it.ended[0]))
    .bind(column(providers, |it| it.ended[1]))
    .bind(column(providers, |it| it.ended[2]))
    .bind(column(providers, |it| it.ended[3]))
    .bind(column(providers, |it| it.ended[4]))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

fn column<T>(providers: &[ProviderHealth], field: fn(&ProviderHealth) -> T) -> Vec<T> {
    providers.iter().map(field).collect()
}

/// Takes back what a worker said, when it ends, and what those left that ended without.
pub async fn withdraw(pool: &PgPool, worker: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from dispatch.workers where worker = $1 \
            or seen_at < now() - make_interval(secs => $2)",
    )
    .bind(worker)
    .bind(f64::from(FORGOTTEN_SECONDS))
    .execute(pool)
    .await
    .map(drop)
}

/// A provider as all workers together know it. Everything is null while none of them
/// says anything: then nobody knows.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
pub struct ProviderStatus {
    /// Which one.
    pub provider_id: i64,
    /// Whether one of them reached it when it last tried.
    pub reachable: Option<bool>,
    /// Whether one of them is registered there; null where one does not register.
    pub registered: Option<bool>,
    /// What went wrong last, with those who cannot reach it first.
    pub last_error: Option<String>,
    /// Attempts under way.
    pub in_flight: Option<i64>,
    /// Attempts started in the last minute.
    pub rate: Option<i64>,
    /// `working`, `resting` (it kept failing and is left alone) or `probing` (one attempt
    /// tries it): the best of what the workers say.
    pub state: Option<String>,
    /// When the first of the workers that rest it tries it again.
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub resting_until: Option<DateTime<Utc>>,
    /// Failures in a row, with the worker that has most.
    pub failures: Option<i32>,
    /// The most attempts that start in any second, over all workers; null: no limit.
    pub rate_limit: Option<i32>,
    /// The most attempts at the same time, over all workers; null: no limit.
    pub channel_limit: Option<i32>,
    /// How many of those the workers hold.
    pub channels: i64,
    /// Attempts of the last minute that were delivered.
    pub delivered: Option<i64>,
    /// Attempts of the last minute that were rejected.
    pub rejected: Option<i64>,
    /// Attempts of the last minute that were not answered.
    pub unanswered: Option<i64>,
    /// Attempts of the last minute that never reached anybody, or were put off.
    pub unavailable: Option<i64>,
    /// Attempts of the last minute of which nobody can tell.
    pub unknown: Option<i64>,
    /// How many workers say so.
    pub workers: i64,
    /// When the last of them said so.
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub seen_at: Option<DateTime<Utc>>,
}

/// What is known of a provider.
pub async fn status(pool: &PgPool, provider_id: i64) -> Result<ProviderStatus, sqlx::Error> {
    sqlx::query_as(
        "select $1::bigint as provider_id, bool_or(h.reachable) as reachable, \
           bool_or(h.registered) as registered, \
           (array_agg(h.last_error order by h.reachable nulls last, w.seen_at desc) \
              filter (where h.last_error is not null))[1] as last_error, \
           sum(h.in_flight)::bigint as in_flight, sum(h.rate)::bigint as rate, \
           (array_agg(h.state order by array_position( \
              array['working', 'probing', 'resting'], h.state)))[1] as state, \
           min(h.resting_until) as resting_until, max(h.failures) as failures, \
           (select rate_limit from read.providers where provider_id = $1) as rate_limit, \
           (select channel_limit from read.providers where provider_id = $1) as channel_limit, \
           (select coalesce(sum(granted), 0) from dispatch.provider_channels \
              where provider_id = $1 and until > now()) as channels, \
           sum(h.delivered)::bigint as delivered, sum(h.rejected)::bigint as rejected, \
           sum(h.unanswered)::bigint as unanswered, \
           sum(h.unavailable)::bigint as unavailable, sum(h.unknown)::bigint as unknown, \
           count(*) as workers, max(w.seen_at) as seen_at \
         from dispatch.provider_health h join dispatch.workers w using (worker) \
         where h.provider_id = $1 and w.seen_at > now() - make_interval(secs => $2)",
    )
    .bind(provider_id)
    .bind(f64::from(SILENT_SECONDS))
    .fetch_one(pool)
    .await
}

/// A number that running workers carry, for `node_id` of providers.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
pub struct Node {
    /// The number.
    pub node_id: i32,
    /// How many workers carry it.
    pub workers: i64,
    /// When one of them last said so.
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub seen_at: Option<DateTime<Utc>>,
}

/// The nodes there are now.
pub async fn nodes(pool: &PgPool) -> Result<Vec<Node>, sqlx::Error> {
    sqlx::query_as(
        "select node_id, count(*) as workers, max(seen_at) as seen_at from dispatch.workers \
         where node_id is not null and seen_at > now() - make_interval(secs => $1) \
         group by node_id order by node_id",
    )
    .bind(f64::from(SILENT_SECONDS))
    .fetch_all(pool)
    .await
}
