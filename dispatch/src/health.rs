//! Health reports of running workers on themselves and the providers, every few seconds. Not a
//! read model: the reports are not in the log, and are worthless once they are old.

use chrono::{DateTime, Utc, serde::ts_seconds_option};
use serde::Serialize;
use sqlx::{FromRow, PgPool};
use utoipa::ToSchema;

/// The age of the last report from which a worker is taken to be gone.
const SILENT_SECONDS: i32 = 10;
/// The age from which a worker's last report is deleted.
const FORGOTTEN_SECONDS: i32 = 600;

/// A worker's report on a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderHealth {
    /// The provider.
    pub provider_id: i64,
    /// True if the last contact succeeded; none before the first.
    pub reachable: Option<bool>,
    /// True if the worker is registered there; none if the provider needs no registration.
    pub registered: Option<bool>,
    /// The last error.
    pub last_error: Option<String>,
    /// Attempts in flight.
    pub in_flight: i32,
    /// Attempts started in the last minute.
    pub rate: i32,
    /// The state of the circuit breaker: `working` (closed), `resting` (open) or `probing`
    /// (half-open).
    pub state: &'static str,
    /// The time of the next trial attempt, while the circuit is open.
    pub resting_until: Option<DateTime<Utc>>,
    /// Consecutive failures.
    pub failures: i32,
    /// Attempts of the last minute by outcome: delivered, rejected, unanswered, unavailable,
    /// unknown.
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

/// Publishes a worker's report, replacing its last one.
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

/// Deletes the report of a worker that ends, and old reports of workers that ended without
/// deleting theirs.
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

/// The health of a provider, combined from the reports of all running workers. Without a report
/// the reported fields are null (unknown).
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
pub struct ProviderStatus {
    /// The provider.
    pub provider_id: i64,
    /// True if the last contact of at least one worker succeeded.
    pub reachable: Option<bool>,
    /// True if at least one worker is registered there; null if no registration is needed.
    pub registered: Option<bool>,
    /// The last error, preferably of a worker that cannot reach the provider.
    pub last_error: Option<String>,
    /// Attempts in flight.
    pub in_flight: Option<i64>,
    /// Attempts started in the last minute.
    pub rate: Option<i64>,
    /// The state of the circuit breaker: `working` (closed), `resting` (open after repeated
    /// failures) or `probing` (half-open: one trial attempt); the best state of any worker.
    pub state: Option<String>,
    /// The time of the first trial attempt of a worker whose circuit is open.
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub resting_until: Option<DateTime<Utc>>,
    /// Consecutive failures, of the worker that has most.
    pub failures: Option<i32>,
    /// The most attempts that start in any second, over all workers; null: no limit.
    #[sqlx(default)]
    pub rate_limit: Option<i32>,
    /// The most attempts at the same time, over all workers; null: no limit.
    #[sqlx(default)]
    pub channel_limit: Option<i32>,
    /// The number of channels of that limit that workers hold.
    pub channels: i64,
    /// Attempts of the last minute that were delivered.
    pub delivered: Option<i64>,
    /// Attempts of the last minute that were rejected.
    pub rejected: Option<i64>,
    /// Attempts of the last minute that were not answered.
    pub unanswered: Option<i64>,
    /// Attempts of the last minute that did not reach the recipient, or were deferred.
    pub unavailable: Option<i64>,
    /// Attempts of the last minute with an unknown outcome.
    pub unknown: Option<i64>,
    /// The number of workers that reported.
    pub workers: i64,
    /// The time of the newest report.
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub seen_at: Option<DateTime<Utc>>,
}

/// The combined health of a provider, without its limits, which are no report of workers.
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

/// A node number of running workers, as in `node_id` of providers.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
pub struct Node {
    /// The node number.
    pub node_id: i32,
    /// The number of workers with it.
    pub workers: i64,
    /// The time of their newest report.
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub seen_at: Option<DateTime<Utc>>,
}

/// The nodes that have running workers.
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
