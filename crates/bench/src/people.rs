//! The import of lists of contacts.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    child::Server,
    http::Connection,
    table::{Row, Table},
};

/// Interval of reading the server's memory.
const LOOK: Duration = Duration::from_millis(20);

/// Imports `count` contacts into one new group, from the first byte of the file to the answer, by
/// which time all of them can be read.
pub async fn import(
    server: &Server,
    token: &str,
    count: usize,
    table: &mut Table,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(server.address, token).await?;
    let group = json!({"name": "Everybody"});
    let group = connection.json("POST", "/groups", Some(&group)).await?;
    let group = group["group_id"].as_i64().context("no group_id")?;
    let file = Bytes::from(file(count)?);
    let before = server.resident()?;
    let mut most = before;
    let started = Instant::now();
    let path = format!("/groups/{group}/csv");
    let mut sending = Box::pin(connection.send("POST", &path, Some(("text/csv", file))));
    let report = loop {
        tokio::select! {
            answer = &mut sending => break answer?,
            () = tokio::time::sleep(LOOK) => most = most.max(server.resident()?),
        }
    };
    let took = started.elapsed();
    drop(sending);
    most = most.max(server.resident()?);
    let report: Value = serde_json::from_slice(&report)?;
    ensure!(report["created"] == count, "the import answered {report}");
    let read = connection
        .json("GET", &format!("/groups/{group}"), None)
        .await?;
    ensure!(
        read["contact_total"] == count,
        "not all can be read: {read}"
    );
    let rate = count as f64 / took.as_secs_f64();
    table.add(
        Row::new(
            format!("CSV import, {count} contacts into one group, readable when answered"),
            rate,
            "contacts/s",
        )
        .at_least(10_000.0),
    );
    table.add(Row::new("growth of resident by that", most - before, "MB").at_most(100.0));
    Ok(())
}

fn file(count: usize) -> anyhow::Result<String> {
    let mut file = String::with_capacity(count * 100);
    for number in 0..count {
        writeln!(
            file,
            "+49151{number:08},First{number},Lastname,user{number}@example.com,\
             \"{number} Main Street, Springfield\",one,two,three,made by ledgerline bench"
        )?;
    }
    Ok(file)
}
