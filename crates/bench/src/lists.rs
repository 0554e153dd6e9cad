//! Lists of a million contacts: the whole list, deep pages, and searches.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use sqlx::PgPool;

use super::{
    child::Server,
    delivery,
    http::{Connection, percentile},
    median,
    table::{Row, Table, Target},
};

/// The number of batches that are appended at once.
const WRITERS: usize = 4;
/// Time limit for the read models to catch up.
const TIMEOUT: Duration = Duration::from_secs(600);
/// The number of requests for each page and of searches.
const ASKED: usize = 500;

/// Appends `count` contacts and waits until they can be read.
pub async fn seed(commands: &commands::Commands, count: usize) -> anyhow::Result<()> {
    let share = count.div_ceil(WRITERS);
    let writers = stream::iter(0..WRITERS).map(|writer| {
        let numbers = (writer * share)..count.min((writer + 1) * share);
        delivery::numbered_contacts(commands, numbers)
    });
    writers
        .buffer_unordered(WRITERS)
        .try_collect::<Vec<_>>()
        .await?;
    caught_up(commands.store().pool()).await
}

/// Waits until every read model has caught up with the log.
pub async fn caught_up(pool: &PgPool) -> anyhow::Result<()> {
    let head: i64 = sqlx::query_scalar("select coalesce(max(position), 0) from events")
        .fetch_one(pool)
        .await?;
    let started = Instant::now();
    loop {
        let least: i64 =
            sqlx::query_scalar("select coalesce(min(position), 0) from read.checkpoints")
                .fetch_one(pool)
                .await?;
        if least >= head {
            // Autovacuum would do this before long.
            sqlx::raw_sql("vacuum analyze read.contacts")
                .execute(pool)
                .await?;
            return Ok(());
        }
        anyhow::ensure!(
            started.elapsed() < TIMEOUT,
            "the read models do not catch up"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Measures the lists of the existing contacts.
pub async fn measure(
    server: &Server,
    connection: &mut Connection,
    pool: &PgPool,
    table: &mut Table,
) -> anyhow::Result<()> {
    let rows: i64 = sqlx::query_scalar("select count(*) from read.contacts")
        .fetch_one(pool)
        .await?;
    whole(server, connection, rows, table).await?;
    suffixes(connection, table).await?;
    pages(connection, pool, rows, table).await
}

async fn whole(
    server: &Server,
    connection: &mut Connection,
    rows: i64,
    table: &mut Table,
) -> anyhow::Result<()> {
    // The first list of all allocates memory whatever its size, which is not to be measured.
    connection.call("GET", "/contacts?limit=1000", None).await?;
    let before = server.resident()?;
    let (mut rates, mut first_bytes, mut largest) = (Vec::new(), Vec::new(), before);
    for _ in 0..3 {
        let reading = connection.stream("/contacts");
        tokio::pin!(reading);
        let read = loop {
            tokio::select! {
                read = &mut reading => break read?,
                () = tokio::time::sleep(Duration::from_millis(10)) => {
                    largest = largest.max(server.resident()?);
                }
            }
        };
        rates.push(rows as f64 / read.whole.as_secs_f64());
        first_bytes.push(read.first_byte.as_secs_f64() * 1_000.0);
    }
    let name = format!("full list of {rows} contacts");
    table.add(Row::new(name, median(&mut rates), "rows/s").at_least(100_000.0));
    let slowest = first_bytes.into_iter().fold(0.0, f64::max);
    table.add(Row::new("its first byte, slowest of 3", slowest, "ms").at_most(100.0));
    table.add(Row::new("resident growth meanwhile", largest - before, "MB").at_most(50.0));
    Ok(())
}

async fn suffixes(connection: &mut Connection, table: &mut Table) -> anyhow::Result<()> {
    let mut times = Vec::with_capacity(ASKED);
    for number in 0..ASKED {
        let suffix = number * 7_919 % 10_000;
        let path = format!("/contacts?phone={suffix:04}&limit=100");
        times.push(timed(connection, &path).await?);
    }
    let p99 = percentile(&mut times, 0.99);
    table.add(Row::new("contacts by the last 4 digits of a phone, p99", p99, "ms").at_most(20.0));
    Ok(())
}

async fn pages(
    connection: &mut Connection,
    pool: &PgPool,
    rows: i64,
    table: &mut Table,
) -> anyhow::Result<()> {
    let depth = rows / 10 * 9;
    let cursor: i64 = sqlx::query_scalar(
        "select created_position from read.contacts order by created_position offset $1 limit 1",
    )
    .bind(depth)
    .fetch_one(pool)
    .await?;
    let deep = format!("/contacts?limit=100&cursor={cursor}");
    let (mut first_times, mut deep_times) = (Vec::new(), Vec::new());
    for _ in 0..ASKED {
        // The two take turns, so that whatever else the machine does slows both alike.
        first_times.push(timed(connection, "/contacts?limit=100").await?);
        deep_times.push(timed(connection, &deep).await?);
    }
    let first = percentile(&mut first_times, 0.5);
    let p99 = percentile(&mut first_times, 0.99);
    table.add(Row::new("first page of 100, p50", first, "ms").p99(p99));
    let deep = percentile(&mut deep_times, 0.5);
    let p99 = percentile(&mut deep_times, 0.99);
    table.add(
        Row::new(format!("page of 100 at depth {depth}, p50"), deep, "ms")
            .p99(p99)
            .ratio("first page", deep / first, Target::AtMost(1.2)),
    );
    Ok(())
}

async fn timed(connection: &mut Connection, path: &str) -> anyhow::Result<Duration> {
    let asked = Instant::now();
    connection.call("GET", path, None).await?;
    Ok(asked.elapsed())
}
