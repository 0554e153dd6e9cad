//! The queue of attempts, and the statements by which workers claim, renew and release them.
//!
//! A row is inserted after its event, and deleted in the transaction that appends the attempt's
//! last event. The feed only deletes rows that are left over.

mod admission;
mod awaited;
mod campaigns;
mod feed;

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::flow::Service;
use eventstore::{Effect, EffectKind};
use sqlx::{Acquire, Executor as _, FromRow, PgConnection, PgPool, Postgres, QueryBuilder};

pub use admission::{Taken, admission};
pub use awaited::{Named, named, overdue_reports};
pub use feed::Feed;

/// An attempt that a worker has claimed.
#[derive(Clone, Debug, PartialEq, FromRow)]
pub struct Job {
    /// The attempt.
    pub spool_id: i64,
    /// The transmission that it is an attempt of.
    pub transmission_id: i64,
    /// The campaign it belongs to.
    pub campaign_id: Option<i64>,
    /// The service, as its `service_flag` bit.
    pub service: i16,
    /// The earliest time of its start.
    pub due_at: DateTime<Utc>,
    /// The latest time of its start.
    pub deadline: DateTime<Utc>,
    /// The providers to be tried last.
    pub avoid: Vec<i64>,
    /// The number of the attempt in its transmission, from 1.
    pub attempt: i32,
    /// The id of the request that caused it.
    pub request_id: Option<String>,
    /// The id of the first request of its chain of causes.
    pub correlation_id: Option<String>,
    /// The position of the event that queued it.
    pub position: i64,
    /// The token of the claim, shared by all attempts of one call of [`claim`].
    pub claim_token: String,
    /// The end of the lease, by the database's clock.
    pub lease_until: DateTime<Utc>,
    /// True if a worker claimed it before and its lease ran out: it may have been started.
    pub reclaimed: bool,
}

/// The most entries that [`depth`] looks at.
const COUNTED: i64 = 100_000;

/// The depth of the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Depth {
    /// Attempts that are due and not claimed.
    pub ready: i64,
    /// Attempts that are not due yet.
    pub waiting: i64,
    /// Attempts that are claimed under a lease.
    pub claimed: i64,
    /// True if there are entries that were not counted.
    pub more: bool,
}

/// A worker's request to the queue.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The worker's free capacity for each service that it can serve.
    pub rooms: &'a [Room],
    /// The most attempts in all.
    pub most: usize,
    /// The worker's name.
    pub worker: &'a str,
    /// The duration of the lease.
    pub lease: Duration,
}

/// The free capacity of a worker for one service, in attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The service, as its `service_flag` bit.
    pub service: i32,
    /// The most attempts.
    pub all: usize,
    /// The most attempts of campaigns among them.
    pub bulk: usize,
}

/// The two kinds of attempts, with their conditions. Attempts of campaigns come after all
/// others, and are not claimed while their campaign is stopped.
const KINDS: [(&str, &str); 2] = [
    ("single", "q.campaign_id is null"),
    (
        "bulk",
        "q.campaign_id is not null and not exists (select from dispatch.campaigns c \
           where c.campaign_id = q.campaign_id and c.state <> 'running')",
    ),
];

/// Claims attempts that are due at `now` and not claimed, the longest due first. Leases run by
/// the database's clock, since the clocks of workers may differ.
pub async fn claim(
    pool: &PgPool,
    wanted: Wanted<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Job>, sqlx::Error> {
    let mut rooms: Vec<Room> = wanted.rooms.to_vec();
    rooms.retain(|room| room.all > 0);
    rooms.sort_unstable_by_key(|room| room.service);
    rooms.dedup_by_key(|room| room.service);
    if rooms.is_empty() || wanted.most == 0 {
        return Ok(Vec::new());
    }
    let mut connection = pool.acquire().await?;
    let mut transaction = relaxed(&mut connection).await?;
    let mut jobs: Vec<Job> = claiming(&rooms, wanted, now)
        .build_query_as()
        .fetch_all(&mut *transaction)
        .await?;
    transaction.commit().await?;
    jobs.sort_by_key(|job| (job.campaign_id.is_some(), job.due_at, job.position));
    Ok(jobs)
}

/// Builds the claiming statement. It has a branch for each service and kind, each in the order of
/// an index: a long queue of one branch does not slow down the others, and no branch is sorted.
/// A service takes no more than its room, so that one without any holds up no other. Rows that
/// other workers are claiming at this moment are skipped.
fn claiming(
    rooms: &[Room],
    wanted: Wanted<'_>,
    now: DateTime<Utc>,
) -> QueryBuilder<'static, Postgres> {
    let most = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let mut sql = QueryBuilder::<Postgres>::new("with ");
    for room in rooms {
        let service = room.service.unsigned_abs();
        for ((kind, condition), limit) in KINDS.into_iter().zip([room.all, room.bulk]) {
            sql.push(format!("{kind}_{service} as (select spool_id, due_at, "));
            sql.push("claim_token is not null as reclaimed from dispatch.queue q where service = ");
            sql.push_bind(i16::try_from(service).unwrap_or_default());
            sql.push(format!(" and {condition} and due_at <= "));
            sql.push_bind(now);
            sql.push(" and (lease_until is null or lease_until < clock_timestamp())");
            sql.push(" order by due_at limit ")
                .push_bind(most(limit.min(wanted.most)));
            sql.push(" for update skip locked), ");
        }
        sql.push(format!(
            "of_{service} as materialized (select * from (select *, 0 as turn from single_{service} \
             union all select *, 1 from bulk_{service}) b order by turn, due_at limit "
        ));
        sql.push_bind(most(room.all)).push("), ");
    }
    let services = rooms.iter().map(|room| room.service.unsigned_abs());
    let services: Vec<_> = services
        .map(|service| format!("select * from of_{service}"))
        .collect();
    let services = services.join(" union all ");
    sql.push(format!(
        "first as materialized (select * from ({services}) b order by turn, due_at limit "
    ));
    sql.push_bind(most(wanted.most));
    sql.push("), token as materialized (select gen_random_uuid()::text as token) ");
    sql.push("update dispatch.queue q set claim_token = token.token, claimed_by = ");
    sql.push_bind(wanted.worker.to_owned());
    sql.push(", lease_until = clock_timestamp() + ")
        .push_bind(wanted.lease);
    sql.push(" from first, token where q.spool_id = first.spool_id");
    sql.push(" returning q.spool_id, q.transmission_id, q.campaign_id, q.service,");
    sql.push(" q.due_at, q.deadline, q.avoid, q.attempt, q.request_id, q.correlation_id,");
    sql.push(" q.position, q.claim_token, q.lease_until, first.reclaimed");
    sql
}

/// Renews the leases of the attempts still held under this claim; answers those attempts.
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

/// Releases the attempts still held under this claim, which must not have been started, to be
/// due again at `due_at`; answers those attempts.
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

static REMOVAL: EffectKind = EffectKind {
    name: "dequeued",
    statement: "delete from dispatch.queue where spool_id = any({0}::text[]::bigint[])",
    columns: 1,
    refused_by: None,
};

/// The effect that removes an attempt from the queue, in the transaction of the event that ends
/// it.
pub fn removal(spool_id: i64) -> Effect {
    Effect {
        kind: &REMOVAL,
        row: vec![Some(spool_id.to_string())],
    }
}

/// Removes an attempt from the queue, without an event.
pub async fn remove(db: &mut PgConnection, spool_ids: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query("delete from dispatch.queue where spool_id = any($1)")
        .bind(spool_ids)
        .execute(db)
        .await
        .map(drop)
}

/// The depth of the queue at `now`, over at most 100,000 entries: anybody may ask for it, and a
/// queue may hold millions.
pub async fn depth(pool: &PgPool, now: DateTime<Utc>) -> Result<Depth, sqlx::Error> {
    sqlx::query_as(
        "select count(*) filter (where lease_until is null and due_at <= $1) as ready, \
           count(*) filter (where lease_until is null and due_at > $1) as waiting, \
           count(*) filter (where lease_until is not null) as claimed, \
           count(*) > $2 as more \
         from (select due_at, lease_until from dispatch.queue limit $2 + 1) q",
    )
    .bind(now)
    .bind(COUNTED)
    .fetch_one(pool)
    .await
}

/// A campaign's state in the dispatch schema.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Campaign {
    /// `new`, `running`, `stopped` or `ended`.
    pub state: String,
    /// The pace, in the text form of [`domain::delivery::Pace`].
    pub pace: Option<String>,
}

/// The state of a campaign; none once it has ended and was swept.
pub async fn campaign(pool: &PgPool, id: i64) -> Result<Option<Campaign>, sqlx::Error> {
    sqlx::query_as("select state, pace from dispatch.campaigns where campaign_id = $1")
        .bind(id)
        .fetch_optional(pool)
        .await
}

/// All services, in the form that [`claim`] takes.
pub fn all_services() -> [i32; 4] {
    Service::ALL.map(Service::flag)
}

/// Begins a transaction that commits without waiting for the disk: a claim lost in a crash of the
/// database was never acted upon, because the start of an attempt is an event, which is durable.
async fn relaxed(
    connection: &mut PgConnection,
) -> Result<sqlx::Transaction<'_, Postgres>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    transaction
        .execute("set local synchronous_commit = off")
        .await?;
    Ok(transaction)
}
