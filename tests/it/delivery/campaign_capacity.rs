//! Campaigns with a pace above the capacity of their provider.

use chrono::TimeDelta;
use eventstore::clock;
use serde_json::json;

use crate::harness::{
    Campaigning, Client, Database, EventLog, Server, Setup, TIMEOUT, densest_second, eventually,
    seconds,
};

/// A server with this deadline for mails, in seconds, and a single provider with these limits.
async fn limited(deadline: u32, rate: Option<u32>, channels: Option<u32>) -> (Server, Campaigning) {
    let setup = Setup::on(&Database::create().await);
    let setup = setup.set("TRY_EMAIL_DEADLINE_SECONDS", &deadline.to_string());
    let server = setup.start().await;
    let admin: Client = server.admin().await;
    let provider = json!({"name": "limited", "type": "sandbox", "active": 1,
        "rate_limit": rate, "channel_limit": channels});
    admin.post("/providers", provider).await.ok();
    let campaigns = Campaigning::new(&admin).await;
    (server, campaigns)
}

async fn slow_group(campaigns: &Campaigning, count: usize) -> i64 {
    let addresses: Vec<_> = (0..count)
        .map(|n| format!("slow+{n}@example.com"))
        .collect();
    campaigns.group_of(&addresses).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_with_a_lower_rate_than_the_campaign_sets_the_pace() {
    const RATE: usize = 5;
    let (server, campaigns) = limited(600, Some(RATE as u32), None).await;
    let group = campaigns.group(60).await;
    let id = campaigns.running(group, json!({"cpm": 50})).await;
    let ended = campaigns.ended(id).await;
    assert_eq!(ended["delivered"], 60, "{ended}");

    let mut log = EventLog::open(&server).await;
    let starts: Vec<_> = log.starts(id).await.into_iter().map(|it| it.0).collect();
    assert_eq!(starts.len(), 60);
    let densest = densest_second(&starts);
    assert!(densest <= RATE, "{densest} in one second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_without_a_channel_is_sent_later() {
    // A channel carries five before the deadline, and six are due.
    let (server, campaigns) = limited(25, None, Some(4)).await;
    let group = slow_group(&campaigns, 24).await;
    let id = campaigns.running(group, json!({"cpm": 100})).await;
    let ended = campaigns.ended(id).await;
    assert_eq!(
        (&ended["delivered"], &ended["unavailable"]),
        (&json!(24), &json!(0)),
        "{ended}"
    );
    let mut log = EventLog::open(&server).await;
    assert_eq!(log.starts(id).await.len(), 24);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_channel_does_not_start_after_a_stop() {
    let (server, campaigns) = limited(600, None, Some(1)).await;
    let group = slow_group(&campaigns, 6).await;
    let id = campaigns.running(group, json!({"cpm": 100})).await;
    let mut log = EventLog::open(&server).await;
    campaigns.on_the_wire(&mut log, id, 1).await;
    campaigns.put(id, "stop").await.ok();
    campaigns.is_known(&mut log, id, "stopped", None).await;
    // A worker uses the state that it has read of a campaign for a moment.
    let stopped = clock::now() + TimeDelta::milliseconds(300);
    eventually("what is on the wire ends", TIMEOUT, async || {
        let rows = campaigns.transmissions(id).await;
        let ended = rows.values().all(|row| row["status"] != "processing");
        ended.then_some(())
    })
    .await;
    // Long enough for an attempt that would take the channel by mistake.
    tokio::time::sleep(seconds(3)).await;
    let starts = log.starts(id).await;
    let late = starts.iter().filter(|start| start.0 > stopped).count();
    assert_eq!(late, 0, "started after the stop: {starts:?}");

    campaigns.put(id, "start").await.ok();
    assert_eq!(campaigns.ended(id).await["delivered"], 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_campaign_tries_nobody_again() {
    let setup = Setup::on(&Database::create().await);
    let server = setup.set("RETRY_BASE_SECONDS", "4").start().await;
    let campaigns = Campaigning::on(&server).await;
    // Busy at first, and on the wire when the campaign is deleted.
    let addresses = ["busy+1@example.com", "slow+1@example.com"];
    let group = campaigns.group_of(&addresses).await;
    let id = campaigns
        .running(group, json!({"cpm": 100, "try_allowed": 5}))
        .await;
    let mut log = EventLog::open(&server).await;
    campaigns.on_the_wire(&mut log, id, 2).await;
    campaigns.put(id, "stop").await.ok();
    let path = format!("/campaigns/{id}");
    campaigns.client.delete(&path).await.ok();
    campaigns.is_known(&mut log, id, "ended", None).await;
    let deleted = clock::now() + TimeDelta::milliseconds(300);
    tokio::time::sleep(seconds(9)).await;
    let starts = log.starts(id).await;
    assert!(
        starts.iter().all(|start| start.0 < deleted),
        "started after {deleted}: {starts:?}"
    );
    let rows = eventually("all of them end", TIMEOUT, async || {
        let rows: Vec<_> = campaigns.transmissions(id).await.into_values().collect();
        let have_ended = rows.iter().all(|row| !row["outcome"].is_null());
        have_ended.then_some(rows)
    })
    .await;
    let rows = rows.into_iter();
    let mut outcomes: Vec<_> = rows
        .map(|row| row["outcome"].as_str().unwrap_or("none").to_owned())
        .collect();
    outcomes.sort();
    assert_eq!(outcomes, ["delivered", "rejected"]);
}
