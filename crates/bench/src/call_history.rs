//! The history of calls on a day among many.

use std::time::Duration;

use anyhow::ensure;
use serde_json::json;
use sqlx::{ConnectOptions, Executor as _, PgConnection};

use super::{
    child::Server,
    http::{Connection, percentile},
    table::{Row, Table},
};

/// The first of the days over which the calls are spread, and their number.
const FIRST_DAY: &str = "2026-03-01";
const DAYS: i64 = 10;
/// The day that is asked for.
const DAY: &str = "2026-03-06";
/// The number of calls that are inserted at a time.
const PIECE: usize = 100_000;
/// The number of requests.
const ASKED: usize = 20;
/// The size of the least answer with a row.
const WITH_ROW: usize = 200;

/// Inserts the records of `count` calls of the first tenant straight into the read model, and asks
/// for a day of them.
pub async fn measure(
    server: &Server,
    token: &str,
    count: usize,
    table: &mut Table,
) -> anyhow::Result<()> {
    fill(&mut server.database()?.connect().await?, count).await?;
    let mut connection = Connection::open(server.address, token).await?;
    let tenant = connection.json("GET", "/tenants/1", None).await?;
    let body = json!({
        "start_date_ymd": DAY, "end_date_ymd": DAY, "tenant_code": tenant["code"],
    });
    let mut times = Vec::with_capacity(ASKED);
    for _ in 0..ASKED {
        let connection = Connection::open(server.address, token).await?;
        let begun = connection.begin("/cdr/getCallHistory", &body, WITH_ROW);
        times.push(begun.await?);
    }
    let slowest = times.iter().max().copied().unwrap_or(Duration::MAX);
    let p50 = percentile(&mut times, 0.5);
    let named = format!("getCallHistory, a day among {count} calls, first row, p50");
    table.add(Row::new(named, p50, "ms").at_most(100.0));
    let slowest = slowest.as_secs_f64() * 1_000.0;
    let named = format!("its slowest of {ASKED}");
    table.add(Row::new(named, slowest, "ms").at_most(100.0));
    Ok(())
}

async fn fill(database: &mut PgConnection, count: usize) -> anyhow::Result<()> {
    // An index is much cheaper to make of all rows than to maintain row by row.
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index \
         where indrelid = 'read.cdrs'::regclass and not indisunique",
    )
    .fetch_all(&mut *database)
    .await?;
    ensure!(!indexes.is_empty(), "the read model has no index");
    database
        .execute("set synchronous_commit = off; set maintenance_work_mem = '192MB'")
        .await?;
    for (name, _) in &indexes {
        database.execute(&*format!("drop index {name}")).await?;
    }
    for first in (1..=count).step_by(PIECE) {
        let last = count.min(first + PIECE - 1);
        insert(database, first, last, count).await?;
    }
    for (_, definition) in &indexes {
        database.execute(&**definition).await?;
    }
    // Autovacuum would do this before long.
    database.execute("vacuum analyze read.cdrs").await?;
    Ok(())
}

/// Inserts the calls of these numbers, each of which begins a moment after the one before.
async fn insert(
    database: &mut PgConnection,
    first: usize,
    last: usize,
    count: usize,
) -> anyhow::Result<()> {
    sqlx::query(
        "insert into read.cdrs (cdr_id, transmission_id, user_id, tenant_id, contact_id, \
           started_at, answered_at, ended_at, dst, firstdst, lastdst, duration, billsec, \
           disposition, cc_cost, created_position, created_at, updated_at, version) \
         select 1000000000 + n, 1000000000 + n, 1, 1, 1000000000 + n, at, at + '5 seconds', \
           at + '65 seconds', number, number, number, 65, 60, 'ANSWERED', 60, 1000000000 + n, \
           at + '65 seconds', at + '65 seconds', 5 \
         from generate_series($1::bigint, $2::bigint) n \
           cross join lateral (select \
             ($4 || 'T00:00:00Z')::timestamptz + interval '1 day' * $5 * (n - 1) / $3 as at, \
             '+1555' || lpad((n % 10000000)::text, 7, '0') as number) it",
    )
    .bind(i64::try_from(first)?)
    .bind(i64::try_from(last)?)
    .bind(i64::try_from(count)?)
    .bind(FIRST_DAY)
    .bind(DAYS)
    .execute(database)
    .await?;
    Ok(())
}
