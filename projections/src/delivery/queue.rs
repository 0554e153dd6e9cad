//! The queue of attempts: the one projection whose rows make something happen, and what
//! workers do with them.
//!
//! A row appears when its event does and goes with the attempt's last event, in that
//! event's own transaction. What comes after only cleans up.

mod awaited;
mod campaigns;
mod dispatch;

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::flow::Service;
use sqlx::{Acquire, Executor as _, FromRow, PgConnection, PgPool, Postgres, QueryBuilder};

pub use awaited::{Named, named, silent};
pub use dispatch::Dispatch;

/// An attempt that a worker holds.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Job {
    /// The attempt.
    pub spool_id: i64,
    /// What it is an attempt of.
    pub transmission_id: i64,
    /// The user whose transmission it is.
    pub owner_id: Option<i64>,
    /// The campaign it belongs to.
    pub campaign_id: Option<i64>,
    /// The service it needs, as its `service_flag` bit.
    pub service: i16,
    /// Not before this.
    pub due_at: DateTime<Utc>,
    /// After this it does not start any more.
    pub deadline: DateTime<Utc>,
    /// Providers to be tried last.
    pub avoid: Vec<i64>,
    /// 1 for the first of its transmission.
    pub attempt: i32,
    /// The request that asked for it.
    pub request_id: Option<String>,
    /// What it belongs together with.
    pub correlation_id: Option<String>,
    /// Where the event stands that queued it.
    pub position: i64,
    /// Under which claim it is held, the same for all of one call of [`claim`].
    pub claim_token: String,
    /// When the claim runs out, by the database's clock.
    pub lease_until: DateTime<Utc>,
    /// Whether somebody held it before whose lease ran out: it may have been started.
    pub reclaimed: bool,
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Depth {
    /// Due and held by nobody.
    pub ready: i64,
    /// Not due yet.
    pub waiting: i64,
    /// Held under a lease.
    pub claimed: i64,
}

/// What a worker asks the queue for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The services it can serve, as `service_flag` bits.
    pub services: &'a [i32],
    /// How many it has room for.
    pub room: usize,
    /// How many of them may belong to campaigns.
    pub bulk: usize,
    /// Its name.
    pub worker: &'a str,
    /// How long the claim holds without being renewed.
    pub lease: Duration,
}

/// What belongs to campaigns waits behind what belongs to none, and not at all while its
/// campaign is stopped.
const KINDS: [(&str, &str); 2] = [
    ("single", "q.campaign_id is null"),
    (
        "bulk",
        "q.campaign_id is not null and not exists (select from dispatch.campaigns c \
           where c.campaign_id = q.campaign_id and c.state <> 'running')",
    ),
];

/// Takes attempts that are due at `now` and that nobody holds, the longest due first.
/// Leases run by the database's clock, since those of workers may differ.
pub async fn claim(
    pool: &PgPool,
    wanted: Wanted<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Job>, sqlx::Error> {
    let services = wanted.services.iter().map(|flag| flag.unsigned_abs());
    let mut services: Vec<_> = services.collect();
    services.sort_unstable();
    services.dedup();
    if services.is_empty() || wanted.room == 0 {
        return Ok(Vec::new());
    }
    let mut connection = pool.acquire().await?;
    let mut transaction = relaxed(&mut connection).await?;
    let mut jobs: Vec<Job> = claiming(&services, wanted, now)
        .build_query_as()
        .fetch_all(&mut *transaction)
        .await?;
    transaction.commit().await?;
    jobs.sort_by_key(|job| (job.campaign_id.is_some(), job.due_at, job.position));
    Ok(jobs)
}

/// One branch for each service and kind, each along an index in its order: a long queue
/// of one costs the others nothing, and none is ever sorted. What other workers are taking
/// at this moment is passed over.
fn claiming(
    services: &[u32],
    wanted: Wanted<'_>,
    now: DateTime<Utc>,
) -> QueryBuilder<'static, Postgres> {
    let most = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let mut sql = QueryBuilder::<Postgres>::new("with ");
    for service in services {
        for ((kind, condition), limit) in KINDS.into_iter().zip([wanted.room, wanted.bulk]) {
            sql.push(format!("{kind}_{service} as (select spool_id, due_at, "));
            sql.push("claim_token is not null as reclaimed from dispatch.queue q where service = ");
            sql.push_bind(i16::try_from(*service).unwrap_or_default());
            sql.push(format!(" and {condition} and due_at <= "));
            sql.push_bind(now);
            sql.push(" and (lease_until is null or lease_until < clock_timestamp())");
            sql.push(" order by due_at limit ").push_bind(most(limit));
            sql.push(" for update skip locked), ");
        }
    }
    for ((kind, _), limit) in KINDS.into_iter().zip([wanted.room, wanted.bulk]) {
        let branches: Vec<_> = services
            .iter()
            .map(|service| format!("select * from {kind}_{service}"))
            .collect();
        let branches = branches.join(" union all ");
        sql.push(format!(
            "{kind} as materialized (select * from ({branches}) b order by due_at limit "
        ));
        sql.push_bind(most(limit)).push("), ");
    }
    sql.push("first as materialized (select * from (select *, 0 as turn from single union all ");
    sql.push("select *, 1 from bulk) b order by turn, due_at limit ");
    sql.push_bind(most(wanted.room));
    sql.push("), token as materialized (select gen_random_uuid()::text as token) ");
    sql.push("update dispatch.queue q set claim_token = token.token, claimed_by = ");
    sql.push_bind(wanted.worker.to_owned());
    sql.push(", lease_until = clock_timestamp() + ")
        .push_bind(wanted.lease);
    sql.push(" from first, token where q.spool_id = first.spool_id");
    sql.push(" returning q.spool_id, q.transmission_id, q.owner_id, q.campaign_id, q.service,");
    sql.push(" q.due_at, q.deadline, q.avoid, q.attempt, q.request_id, q.correlation_id,");
    sql.push(" q.position, q.claim_token, q.lease_until, first.reclaimed");
    sql
}

/// Prolongs the leases of those that are still held under this claim; says which.
pub async fn renew(
    pool: &PgPool,
    spool_ids: &[i64],
    token: &str,
    lease: Duration,
) -> Result<Vec<i64>, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let mut transaction = relaxed(&mut connection).await?;
    let held = sqlx::query_scalar(
        "update dispatch.queue set lease_until = clock_timestamp() + $3 \
         where spool_id = any($1) and claim_token = $2 returning spool_id",
    )
    .bind(spool_ids)
    .bind(token)
    .bind(lease)
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(held)
}

/// Puts back what is still held under this claim and was not started, to be due again at
/// this time; says which those are.
pub async fn release(
    pool: &PgPool,
    spool_ids: &[i64],
    token: &str,
    due_at: DateTime<Utc>,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "update dispatch.queue set claim_token = null, claimed_by = null, lease_until = null, \
           due_at = $3 where spool_id = any($1) and claim_token = $2 returning spool_id",
    )
    .bind(spool_ids)
    .bind(token)
    .bind(due_at)
    .fetch_all(pool)
    .await
}

/// Takes attempts off the queue, in the transaction of the events that end them.
pub async fn remove(db: &mut PgConnection, spool_ids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query("delete from dispatch.queue where spool_id = any($1)")
        .bind(spool_ids)
        .execute(db)
        .await
        .map(drop)
}

/// How much there is to do at this moment.
pub async fn depth(pool: &PgPool, now: DateTime<Utc>) -> Result<Depth, sqlx::Error> {
    sqlx::query_as(
        "select count(*) filter (where lease_until is null and due_at <= $1) as ready, \
           count(*) filter (where lease_until is null and due_at > $1) as waiting, \
           count(*) filter (where lease_until is not null) as claimed \
         from dispatch.queue",
    )
    .bind(now)
    .fetch_one(pool)
    .await
}

/// A campaign as the queue knows it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Campaign {
    /// `new`, `running`, `stopped` or `ended`.
    pub state: String,
    /// Its pace, as [`domain::delivery::Pace`] writes itself.
    pub pace: Option<String>,
}

/// What a campaign is at; nothing for one that ended and has nothing left.
pub async fn campaign(pool: &PgPool, id: i64) -> Result<Option<Campaign>, sqlx::Error> {
    sqlx::query_as("select state, pace from dispatch.campaigns where campaign_id = $1")
        .bind(id)
        .fetch_optional(pool)
        .await
}

/// When there will next be something to claim: an attempt falls due or a lease runs out.
pub async fn next_due(
    pool: &PgPool,
    services: &[i32],
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar(
        "select min(greatest(due_at, coalesce(lease_until, due_at))) from dispatch.queue \
         where service = any($1::int[]::smallint[])",
    )
    .bind(services)
    .fetch_one(pool)
    .await
}

/// All services, as [`claim`] wants them.
pub fn all_services() -> [i32; 4] {
    Service::ALL.map(Service::flag)
}

/// A transaction that is not waited for: a claim that is lost with the database's power
/// was never acted upon, because the intent to act is an event, and durable.
async fn relaxed(
    connection: &mut PgConnection,
) -> Result<sqlx::Transaction<'_, Postgres>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    transaction
        .execute("set local synchronous_commit = off")
        .await?;
    Ok(transaction)
}
