//! Statistics with many transmissions behind them.

use std::time::{Duration, Instant};

use anyhow::ensure;
use eventstore::clock;
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};

use super::{
    child::Server,
    http::{self, Connection},
    table::{Row, Table},
};

/// The number of clients that ask at a time, after one alone.
const CLIENTS: usize = 8;
/// The seconds over which the transmissions are spread: ninety days.
const SPREAD: usize = 90 * 86_400;
/// The number of transmissions that are appended at a time.
const PIECE: usize = 10_000;
/// Time limit for the read models to catch up.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Appends `count` transmissions to the log, each in a second of its own within ninety days, and
/// asks for the statistics: without a filter, since any second, and of one service.
pub async fn measure(
    server: &Server,
    token: &str,
    count: usize,
    lasting: Duration,
    table: &mut Table,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(server.address, token).await?;
    let before = transmissions(&mut connection).await?;
    append(&server.database()?, count).await?;
    let started = Instant::now();
    // While the server follows so many events at once, it refuses requests: it cannot see the log's
    // end.
    while transmissions(&mut connection).await.unwrap_or_default() < before + count as i64 {
        ensure!(started.elapsed() < TIMEOUT, "the read models do not follow");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let end = usize::try_from(clock::now().timestamp())?;
    let one = ask(server, token, 1, lasting, end).await?;
    let named = format!("GET /statistics at {count} transmissions, p99");
    table.add(Row::new(named, one.p99, "ms").at_most(10.0));
    let many = ask(server, token, CLIENTS, lasting, end).await?;
    let named = format!("the same, {CLIENTS} connections, p99");
    table.add(Row::new(named, many.p99, "ms"));
    table.add(Row::new("their rate", many.rate, "requests/s"));
    Ok(())
}

async fn ask(
    server: &Server,
    token: &str,
    clients: usize,
    lasting: Duration,
    end: usize,
) -> anyhow::Result<http::Load> {
    let path = move |client: usize, number: usize| {
        let since = end - (client * 7_919 + number * 104_729) % SPREAD;
        let path = match number % 3 {
            0 => "/statistics".to_owned(),
            1 => format!("/statistics?since={since}"),
            _ => format!("/statistics?since={since}&service_flag=8"),
        };
        ("GET", path, None)
    };
    http::load(server.address, token, clients, lasting, path).await
}

async fn transmissions(connection: &mut Connection) -> anyhow::Result<i64> {
    let numbers = connection.json("GET", "/statistics", None).await?;
    Ok(numbers["transmission_total"].as_i64().unwrap_or_default())
}

/// Inserts transmissions straight into the log, as the appender would write them: one by one they
/// would take longer than all the rest.
async fn append(options: &PgConnectOptions, count: usize) -> anyhow::Result<()> {
    let mut database = options.connect().await?;
    // In pieces: an append holds up every other one, and a server that cannot see the log refuses
    // requests.
    for first in (1..=count).step_by(PIECE) {
        let last = count.min(first + PIECE - 1);
        append_piece(&mut database, first, last, count).await?;
    }
    Ok(())
}

async fn append_piece(
    database: &mut PgConnection,
    first: usize,
    last: usize,
    count: usize,
) -> anyhow::Result<()> {
    sqlx::query(
        "insert into public.events (aggregate_type, aggregate_id, sequence, event_type, \
           event_version, payload, metadata, occurred_at, commit_id) \
         select 'transmission', (1000000000 + n)::text, 1, 'TransmissionCreated', '1.0.0', \
           json_build_object('TransmissionCreated', json_build_object( \
             'id', 1000000000 + n, 'owner', 1, 'order', json_build_object( \
               'title', null, 'origin', null, 'contact_id', 1, 'account_id', 1, \
               'program_id', 1, 'service', 'email', 'direction', 'outbound', \
               'try_allowed', 1))), \
           '{}'::json, now() - interval '1 second' * ($2 - n * ($2 / $1)), \
           '00000000-0000-0000-0000-000000000000' \
         from generate_series($3, $4) n",
    )
    .bind(i64::try_from(count)?)
    .bind(i64::try_from(SPREAD)?)
    .bind(i64::try_from(first)?)
    .bind(i64::try_from(last)?)
    .execute(database)
    .await?;
    Ok(())
}
