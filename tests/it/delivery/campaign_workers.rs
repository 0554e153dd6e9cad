//! Several workers send one campaign.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::query_scalar;

use crate::harness::{
    Campaigning, Database, EventLog, ReadModels, Server, Setup, densest_second, seconds,
};

fn process(database: &Database, role: &str) -> Setup {
    Setup::on(database).set("ROLE", role)
}

/// One process with role `api`, one with role `projector`, and this number of workers.
async fn parts(workers: usize) -> (Server, Server, Vec<Server>) {
    let database = Database::create().await;
    let projector = process(&database, "projector").spawn();
    let api = process(&database, "api").start().await;
    let workers = (0..workers).map(|_| process(&database, "worker").spawn());
    (api, projector, workers.collect())
}

async fn both_have_started(log: &mut EventLog, id: i64) {
    crate::harness::eventually("both workers take part", seconds(30), async || {
        let starts = log.starts(id).await;
        let names: BTreeSet<&String> = starts.iter().map(|start| &start.1).collect();
        (names.len() == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_share_a_campaign_and_its_pace() {
    let (api, _projector, _workers) = parts(2).await;
    let campaigns = Campaigning::on(&api).await;
    campaigns.workers(2).await;
    let group = campaigns.group(120).await;
    let id = campaigns.running(group, json!({"cpm": 10})).await;
    let ended = campaigns.ended(id).await;
    assert_eq!(ended["delivered"], 120, "{ended}");
    let mut log = EventLog::open(&api).await;
    let starts = log.starts(id).await;
    let names: BTreeSet<&String> = starts.iter().map(|start| &start.1).collect();
    assert_eq!((starts.len(), names.len()), (120, 2), "{names:?}");
    let moments: Vec<DateTime<Utc>> = starts.iter().map(|start| start.0).collect();
    let densest = densest_second(&moments);
    assert!(densest <= 11, "{densest} in one second");
    let took = (moments[119] - moments[0]).as_seconds_f64();
    assert!(took >= 119.0 / 10.0 * 0.95, "120 in {took} s");
    assert_eq!(log.made(id).await, (120, 120));
    ReadModels::assert_whole(&api).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_worker_sends_what_a_killed_one_left() {
    let (api, _projector, mut workers) = parts(2).await;
    let campaigns = Campaigning::on(&api).await;
    campaigns.workers(2).await;
    let group = campaigns.group(240).await;
    let id = campaigns.running(group, json!({"cpm": 20})).await;
    let mut log = EventLog::open(&api).await;
    both_have_started(&mut log, id).await;
    // The first worker most likely runs the policies, and so paces the campaign, too.
    workers[0].kill9();
    let ended = campaigns.ended(id).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    let (delivered, unknown) = (ended["delivered"].as_i64(), ended["unknown"].as_i64());
    assert_eq!(delivered.unwrap() + unknown.unwrap(), 240, "{ended}");
    assert_eq!(log.made(id).await, (240, 240));
    let spools: Vec<i64> = log.spools("SpoolStarted").await;
    let distinct: BTreeSet<&i64> = spools.iter().collect();
    assert_eq!(distinct.len(), spools.len(), "an attempt was started twice");
    let open = "select count(*) from read.transmissions where status in ('processing', 'pending')";
    let open: i64 = query_scalar(open).fetch_one(log.sql()).await.unwrap();
    let queued = "select count(*) from dispatch.queue";
    let queued: i64 = query_scalar(queued).fetch_one(log.sql()).await.unwrap();
    assert_eq!((open, queued), (0, 0));
    let moments: Vec<DateTime<Utc>> = log.starts(id).await.into_iter().map(|it| it.0).collect();
    let densest = densest_second(&moments);
    assert!(densest <= 21, "{densest} in one second");
}
