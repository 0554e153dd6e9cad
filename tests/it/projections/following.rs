//! Subscribers follow the log, in one process or several.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{Connection, PgConnection, query, query_scalar};

use crate::harness::{Database, ReadModels, Server, Setup, TIMEOUT, eventually, seconds};

/// The subscribers, by name; true for those that this process leads.
async fn led(server: &Server) -> BTreeMap<String, bool> {
    let ready = server.stranger().get("/readyz").await.json();
    let rows = ready["projections"].as_array().unwrap().clone();
    let of = |row: Value| {
        (
            row["name"].as_str().unwrap().to_owned(),
            row["leader"] == true,
        )
    };
    rows.into_iter().map(of).collect()
}

#[tokio::test]
async fn two_processes_have_one_leader_for_each_projection() {
    let database = Database::create().await;
    let one = Setup::on(&database).start().await;
    let mut other = Setup::on(&database).start().await;
    eventually("each has one leader", TIMEOUT, async || {
        let (first, second) = (led(&one).await, led(&other).await);
        assert!(first.len() >= 8, "{first:?}");
        let mut both = first.iter().map(|(name, leads)| (*leads, second[name]));
        both.all(|(one, other)| one != other).then_some(())
    })
    .await;
    let id = other.admin().await.contact("either@example.com").await;
    one.admin().await.get(&format!("/contacts/{id}")).await.ok();

    other.kill9();
    eventually(
        "the one that is left leads everything",
        seconds(20),
        async || led(&one).await.values().all(|leads| *leads).then_some(()),
    )
    .await;
    let id = one.admin().await.contact("left@example.com").await;
    one.admin().await.get(&format!("/contacts/{id}")).await.ok();
    ReadModels::assert_whole(&one).await;
}

#[tokio::test]
async fn a_writer_that_stalls_makes_no_subscriber_miss_an_event() {
    let server = Setup::on(&Database::create().await).start().await;
    let admin = server.admin().await;
    // A transaction takes a position, and does not commit.
    let mut stalled = PgConnection::connect_with(&server.database())
        .await
        .unwrap();
    let mut open = stalled.begin().await.unwrap();
    let insert = "insert into events (aggregate_type, aggregate_id, sequence, event_type,
                  event_version, payload, metadata, occurred_at, commit_id)
                  select aggregate_type, '700001', 1, event_type, event_version,
                         json_build_object('PermissionCreated', json_build_object(
                             'id', 700001, 'name', 'zebra_read', 'description', null)),
                         metadata, now(), gen_random_uuid()
                  from events where aggregate_type = 'permission' order by position limit 1";
    query(insert).execute(&mut *open).await.unwrap();
    // Meanwhile others write; none of their events may be seen before the stalled one.
    let writers: Vec<_> = (0..5)
        .map(|n| {
            let admin = admin.clone();
            tokio::spawn(async move { admin.contact(&format!("meanwhile{n}@example.com")).await })
        })
        .collect();
    tokio::time::sleep(seconds(1)).await;
    open.commit().await.unwrap();
    for writer in writers {
        let id = writer.await.unwrap();
        admin.get(&format!("/contacts/{id}")).await.ok();
    }
    let sql = "select count(*) from read.permissions where permission_id = 700001";
    let mut database = server.sql().await;
    eventually(
        "the stalled writer's event is taken in",
        seconds(10),
        async || {
            let rows: i64 = query_scalar(sql).fetch_one(&mut database).await.unwrap();
            (rows == 1).then_some(())
        },
    )
    .await;
    ReadModels::assert_whole(&server).await;
}

#[tokio::test]
async fn a_server_started_again_goes_on_where_it_was() {
    let mut server = Setup::embedded().start().await;
    let admin = server.admin().await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(admin.contact(&format!("stay{n}@example.com")).await);
    }
    server.kill9();
    server.start().await;
    for id in ids {
        admin.get(&format!("/contacts/{id}")).await.ok();
    }
    ReadModels::assert_whole(&server).await;
}
