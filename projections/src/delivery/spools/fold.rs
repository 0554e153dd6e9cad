//! Folds the events of a batch to one change for each attempt.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{
    Id,
    delivery::{Outcome, TransmissionEvent},
    people::Account,
};
use eventstore::Recorded;
use sqlx::{PgConnection, Postgres, postgres::PgArguments, query::Query};

use crate::delivery::occurred::{Occurred, storable};

/// The change of an attempt by a batch. Where a field is none the row keeps its value.
#[derive(Debug, Default, PartialEq)]
struct Folded<'e> {
    queued: Option<Queued>,
    time_start: Option<DateTime<Utc>>,
    provider_id: Option<i64>,
    time_connect: Option<DateTime<Utc>>,
    time_end: Option<DateTime<Utc>>,
    amount: Option<i32>,
    ended: Option<Ended<'e>>,
    /// True if the attempt was withdrawn: its row is deleted.
    withdrawn: bool,
    updated_at: DateTime<Utc>,
    version: i64,
}

#[derive(Debug, PartialEq)]
struct Queued {
    transmission_id: i64,
    account_id: i64,
    attempt: i32,
    at: DateTime<Utc>,
    position: i64,
    created_at: DateTime<Utc>,
}

impl Queued {
    fn by(recorded: &Recorded, account: Id<Account>, attempt: u32, at: DateTime<Utc>) -> Self {
        Self {
            transmission_id: recorded.aggregate_id,
            account_id: account.get(),
            attempt: i32::try_from(attempt).unwrap_or(i32::MAX),
            at,
            position: recorded.position,
            created_at: recorded.occurred_at,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Ended<'e> {
    outcome: Outcome,
    /// The response of the remote side; none once the contact was erased.
    response: Option<&'e String>,
}

impl Ended<'_> {
    /// The status of an ended attempt; an unknown outcome reads as `failed`.
    fn status(self) -> &'static str {
        match self.outcome {
            Outcome::Delivered => "completed",
            _ => "failed",
        }
    }
}

/// Applies these events to the rows of attempts.
pub(in crate::delivery) async fn take_in(
    db: &mut PgConnection,
    events: &[Occurred<'_>],
) -> Result<(), sqlx::Error> {
    let spools = fold(events);
    remove(db, &spools).await?;
    let lasting = spools.iter().filter(|(_, spool)| !spool.withdrawn);
    let (new, changed): (Vec<_>, Vec<_>) = lasting
        .map(|(id, spool)| (*id, spool))
        .partition(|(_, s)| s.queued.is_some());
    update(db, &changed).await?;
    insert(db, &new).await
}

fn fold<'e>(events: &[Occurred<'e>]) -> BTreeMap<i64, Folded<'e>> {
    use TransmissionEvent::{
        SpoolCompleted, SpoolConnected, SpoolFailed, SpoolOutcomeUnknown, SpoolQueued,
        SpoolReceived, SpoolResolved, SpoolStarted, SpoolWithdrawn,
    };
    let mut spools: BTreeMap<i64, Folded<'e>> = BTreeMap::new();
    for Occurred { recorded, event } in events {
        let (spool, at) = match event {
            SpoolQueued { spool, at, .. }
            | SpoolReceived { spool, at, .. }
            | SpoolStarted { spool, at, .. }
            | SpoolConnected { spool, at, .. }
            | SpoolCompleted { spool, at, .. }
            | SpoolFailed { spool, at, .. }
            | SpoolOutcomeUnknown { spool, at, .. }
            | SpoolWithdrawn { spool, at, .. }
            | SpoolResolved { spool, at, .. } => (spool.get(), *at),
            _ => continue,
        };
        let folded = spools.entry(spool).or_default();
        folded.updated_at = recorded.occurred_at;
        folded.version = recorded.sequence as i64;
        match event {
            SpoolQueued {
                attempt,
                account_id,
                ..
            } => folded.queued = Some(Queued::by(recorded, *account_id, *attempt, at)),
            SpoolReceived {
                account_id,
                provider,
                opened,
                ..
            } => {
                folded.queued = Some(Queued::by(recorded, *account_id, 1, at));
                folded.provider_id = provider.map(Id::get);
                // A session starts and connects later.
                if opened.is_none() {
                    folded.time_start = Some(at);
                    folded.time_connect = Some(at);
                }
            }
            SpoolStarted { provider, .. } => {
                folded.time_start = Some(at);
                folded.provider_id = Some(provider.get());
            }
            SpoolConnected { .. } => folded.time_connect = Some(at),
            SpoolWithdrawn { .. } => folded.withdrawn = true,
            SpoolCompleted {
                response, amount, ..
            } => {
                folded.bill(*amount);
                folded.end(Some(at), Outcome::Delivered, response.get());
            }
            SpoolFailed {
                provider,
                outcome,
                response,
                amount,
                ..
            } => {
                folded.bill(*amount);
                folded.provider_id = folded.provider_id.or(provider.map(Id::get));
                folded.end(Some(at), *outcome, response.get());
            }
            SpoolOutcomeUnknown {
                response, amount, ..
            } => {
                folded.bill(*amount);
                folded.end(Some(at), Outcome::Unknown, response.get());
            }
            // The end was when its outcome became unknown, not when the outcome was resolved.
            SpoolResolved {
                outcome, response, ..
            } => folded.end(None, *outcome, response.get()),
            _ => {}
        }
    }
    spools
}

impl<'e> Folded<'e> {
    fn bill(&mut self, amount: u32) {
        self.amount = Some(i32::try_from(amount).unwrap_or(i32::MAX));
    }

    fn end(&mut self, at: Option<DateTime<Utc>>, outcome: Outcome, response: Option<&'e String>) {
        self.time_end = at.or(self.time_end);
        self.ended = Some(Ended { outcome, response });
    }
}

async fn remove(
    db: &mut PgConnection,
    spools: &BTreeMap<i64, Folded<'_>>,
) -> Result<(), sqlx::Error> {
    let gone = spools.iter().filter(|(_, spool)| spool.withdrawn);
    let gone: Vec<i64> = gone.map(|(id, _)| *id).collect();
    if gone.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from spools where spool_id = any($1)")
        .bind(gone)
        .execute(db)
        .await
        .map(drop)
}

type Rows<'a, 'e> = [(i64, &'a Folded<'e>)];

async fn insert(db: &mut PgConnection, rows: &Rows<'_, '_>) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let queued: Vec<_> = rows
        .iter()
        .filter_map(|(_, row)| row.queued.as_ref())
        .collect();
    let query = sqlx::query(
        "insert into spools (spool_id, updated_at, version, time_start, provider_id, \
           time_connect, time_end, status, outcome, response, transmission_id, user_id, \
           contact_id, account_id, attempt, time_spool, created_position, created_at, amount, \
           tenant_id) \
         select u.spool_id, u.updated_at, u.version, u.time_start, u.provider_id, \
           u.time_connect, u.time_end, coalesce(u.status, 'initiated'), u.outcome, u.response, \
           u.transmission_id, t.user_id, t.contact_id, u.account_id, u.attempt, u.time_spool, \
           u.position, u.created_at, coalesce(u.amount, 0), t.tenant_id \
         from unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::timestamptz[], \
           $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[], \
           $10::text[], $11::int[], $12::bigint[], $13::bigint[], $14::int[], \
           $15::timestamptz[], $16::bigint[], $17::timestamptz[]) \
           as u (spool_id, updated_at, version, time_start, provider_id, time_connect, \
           time_end, status, outcome, response, amount, transmission_id, account_id, attempt, \
           time_spool, position, created_at) \
         join transmissions t on t.transmission_id = u.transmission_id",
    );
    bind(query, rows)
        .bind(queued.iter().map(|q| q.transmission_id).collect::<Vec<_>>())
        .bind(queued.iter().map(|q| q.account_id).collect::<Vec<_>>())
        .bind(queued.iter().map(|q| q.attempt).collect::<Vec<_>>())
        .bind(queued.iter().map(|q| q.at).collect::<Vec<_>>())
        .bind(queued.iter().map(|q| q.position).collect::<Vec<_>>())
        .bind(queued.iter().map(|q| q.created_at).collect::<Vec<_>>())
        .execute(db)
        .await
        .map(drop)
}

async fn update(db: &mut PgConnection, rows: &Rows<'_, '_>) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let query = sqlx::query(
        "update spools t set updated_at = u.updated_at, version = u.version, \
           time_start = coalesce(u.time_start, t.time_start), \
           provider_id = coalesce(u.provider_id, t.provider_id), \
           time_connect = coalesce(u.time_connect, t.time_connect), \
           time_end = coalesce(u.time_end, t.time_end), \
           status = coalesce(u.status, t.status), \
           outcome = coalesce(u.outcome, t.outcome), \
           amount = coalesce(u.amount, t.amount), \
           response = case when u.status is null then t.response else u.response end \
         from unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::timestamptz[], \
           $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[], \
           $10::text[], $11::int[]) as u (spool_id, updated_at, version, time_start, \
           provider_id, time_connect, time_end, status, outcome, response, amount) \
         where t.spool_id = u.spool_id",
    );
    bind(query, rows).execute(db).await.map(drop)
}

/// Binds the columns that inserts and updates have in common.
fn bind<'q>(
    query: Query<'q, Postgres, PgArguments>,
    rows: &Rows<'_, '_>,
) -> Query<'q, Postgres, PgArguments> {
    let ended = |row: &Folded<'_>| {
        row.ended
            .map(|ended| (ended.status(), ended.outcome.as_str()))
    };
    let words = |row: &Folded<'_>| {
        row.ended
            .and_then(|ended| ended.response.map(|r| storable(r)))
    };
    query
        .bind(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|(_, row)| row.updated_at)
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|(_, row)| row.version).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|(_, row)| row.time_start)
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|(_, row)| row.provider_id)
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|(_, row)| row.time_connect)
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|(_, row)| row.time_end).collect::<Vec<_>>())
        .bind(
            rows.iter()
                .map(|(_, row)| ended(row).map(|e| e.0))
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|(_, row)| ended(row).map(|e| e.1))
                .collect::<Vec<_>>(),
        )
        .bind(rows.iter().map(|(_, row)| words(row)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, row)| row.amount).collect::<Vec<_>>())
}
