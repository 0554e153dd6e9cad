//! The log by itself: this machine's raw insert rate, and appends through the bus.

use std::{sync::Arc, time::Instant};

use anyhow::Context;
use commands::{Actor, Commands};
use domain::{
    Id, Owner,
    people::{Contact, ContactCommand, ContactProfile},
};
use futures::future::try_join_all;
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};

/// The number of writers that work at once.
pub const TASKS: usize = 32;

/// Rows a second of single-row inserts, each its own durable commit, into a table shaped like the
/// log, from [`TASKS`] connections.
pub async fn raw_insert(options: &PgConnectOptions, rows: usize) -> anyhow::Result<f64> {
    let mut setup = options.connect().await?;
    sqlx::raw_sql(
        "create table bench_raw (aggregate_type text, aggregate_id text, sequence bigint, \
           event_type text, event_version text, payload json, metadata json, \
           position bigint generated always as identity, occurred_at timestamptz, commit_id uuid, \
           primary key (aggregate_type, aggregate_id, sequence)); \
         create unique index on bench_raw (position)",
    )
    .execute(&mut setup)
    .await?;
    let mut connections: Vec<PgConnection> = Vec::with_capacity(TASKS);
    for _ in 0..TASKS {
        connections.push(options.connect().await?);
    }
    let started = Instant::now();
    let writers = connections
        .into_iter()
        .enumerate()
        .map(|(task, mut connection)| async move {
            for row in 0..rows / TASKS {
                sqlx::query(
                    "insert into bench_raw (aggregate_type, aggregate_id, sequence, event_type, \
                   event_version, payload, metadata, occurred_at, commit_id) \
                 values ('contact', $1, 1, 'ContactCreated', '1.0.0', $2::json, $3::json, now(), \
                   '00000000-0000-0000-0000-000000000000')",
                )
                .bind(format!("{task}-{row}"))
                .bind(PAYLOAD)
                .bind(METADATA)
                .execute(&mut connection)
                .await?;
            }
            connection.close().await
        });
    try_join_all(writers).await?;
    let rate = rows as f64 / started.elapsed().as_secs_f64();
    sqlx::raw_sql("drop table bench_raw")
        .execute(&mut setup)
        .await?;
    Ok(rate)
}

/// A payload about as long as that of a sealed contact.
const PAYLOAD: &str = r#"{"ContactCreated":{"id":1,"owner":1,"profile":{"$of":"contact/1","$sealed":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}}"#;
const METADATA: &str = r#"{"user_id":1,"request_id":"00000000000000000000000000000000"}"#;

/// Commands a second through the bus, each for a new contact, every event sealed.
pub async fn bus_append(commands: &Commands, count: usize) -> anyhow::Result<f64> {
    let actor = Arc::new(Actor::default());
    let started = Instant::now();
    let writers = (0..TASKS).map(|task| {
        let (commands, actor) = (commands.clone(), Arc::clone(&actor));
        tokio::spawn(async move {
            for number in 0..count / TASKS {
                let id: Id<Contact> = commands.next_id("contact").await?;
                let create = ContactCommand::Create {
                    id,
                    owner: Owner::in_first_tenant(Id::new(1)),
                    profile: person(task * 1_000_000 + number),
                };
                commands.send_new(id, create, &actor).await?;
            }
            Ok::<_, commands::CommandError>(())
        })
    });
    for writer in try_join_all(writers).await? {
        writer?;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// A contact to write to.
pub fn person(number: usize) -> ContactProfile {
    ContactProfile {
        first_name: format!("First{number}").parse().ok(),
        last_name: "Lastname".parse().ok(),
        phone: format!("1555{number:09}").parse().ok(),
        email: format!("user{number}@example.com").parse().ok(),
        description: "made by ledgerline bench".parse().ok(),
        ..ContactProfile::default()
    }
}

/// Rows a second of a bare `select` by key.
pub async fn raw_select(
    options: &PgConnectOptions,
    ids: &[i64],
    count: usize,
) -> anyhow::Result<f64> {
    let mut connections: Vec<PgConnection> = Vec::with_capacity(TASKS);
    for _ in 0..TASKS {
        connections.push(options.connect().await?);
    }
    let ids = Arc::new(ids.to_vec());
    let started = Instant::now();
    let readers = connections
        .into_iter()
        .enumerate()
        .map(|(task, mut connection)| {
            let ids = Arc::clone(&ids);
            tokio::spawn(async move {
                for number in 0..count / TASKS {
                    let id = ids[(task * 7919 + number * 31) % ids.len()];
                    let row = sqlx::query("select * from read.contacts where contact_id = $1")
                        .bind(id)
                        .fetch_optional(&mut connection)
                        .await?;
                    row.ok_or(sqlx::Error::RowNotFound)?;
                }
                connection.close().await
            })
        });
    for reader in try_join_all(readers).await? {
        reader.context("a bare select failed")?;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}
