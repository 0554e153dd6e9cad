//! Campaigns that could go faster than their provider.

use serde_json::json;

use crate::harness::{
    Campaigning, Client, Database, EventLog, Server, Setup, densest_second, seconds,
};

/// A server that gives mails so many seconds, and whose only provider has these limits.
async fn limited(deadline: u32, rate: Option<u32>, channels: Option<u32>) -> (Server, Campaigning) {
    let setup = Setup::on(&Database::create().await);
    let setup = setup.set("TRY_EMAIL_DEADLINE_SECONDS", &deadline.to_string());
    let server = setup.start().await;
    let admin: Client = server.admin().await;
    let provider = json!({"name": "limited", "type": "sandbox", "active": 1,
        "rate_limit": rate, "channel_limit": channels});
    admin.post("/providers", provider).await.ok();
    let campaigns = Campaigning::of(&admin).await;
    (server, campaigns)
}

async fn slow_group(campaigns: &Campaigning, count: usize) -> i64 {
    let addresses: Vec<_> = (0..count)
        .map(|n| format!("slow+{n}@example.com"))
        .collect();
    campaigns.group_of(&addresses).await
}

async fn slots_missed(client: &Client) -> usize {
    let metrics = client.get("/metrics").await.text();
    let name = "ledgerline_slots_missed_total ";
    let missed = metrics.lines().find_map(|line| line.strip_prefix(name));
    missed.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_with_a_lower_rate_than_the_campaign_is_used_to_the_full() {
    const RATE: usize = 5;
    let (server, campaigns) = limited(600, Some(RATE as u32), None).await;
    let group = campaigns.group(60).await;
    let id = campaigns.running(group, json!({"cpm": 50})).await;
    let ended = campaigns.ended(id).await;
    assert_eq!(ended["delivered"], 60, "{ended}");

    let mut log = EventLog::of(&server).await;
    let starts: Vec<_> = log.starts(id).await.into_iter().map(|it| it.0).collect();
    assert_eq!(starts.len(), 60);
    let densest = densest_second(&starts);
    assert!(densest <= RATE, "{densest} in one second");
    // Whoever waits for two slots at once must not lose one after the other.
    let missed = slots_missed(&campaigns.client).await;
    assert!(missed <= 60, "{missed} slots were missed by 60 starts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_no_free_channel_in_time_is_sent_to_later() {
    let (server, campaigns) = limited(8, None, Some(4)).await;
    let group = slow_group(&campaigns, 12).await;
    let id = campaigns.running(group, json!({"cpm": 100})).await;
    let ended = campaigns.ended(id).await;
    assert_eq!(
        (&ended["delivered"], &ended["unavailable"]),
        (&json!(12), &json!(0)),
        "{ended}"
    );
    let mut log = EventLog::of(&server).await;
    assert_eq!(log.starts(id).await.len(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_channel_does_not_start_after_a_stop() {
    let (server, campaigns) = limited(600, None, Some(1)).await;
    let group = slow_group(&campaigns, 6).await;
    let id = campaigns.running(group, json!({"cpm": 100})).await;
    let mut log = EventLog::of(&server).await;
    campaigns.on_the_wire(&mut log, id, 1).await;
    campaigns.put(id, "stop").await.ok();
    tokio::time::sleep(seconds(6)).await;
    assert_eq!(log.starts(id).await.len(), 1, "started after the stop");
    for row in campaigns.transmissions(id).await.into_values() {
        assert_ne!(row["status"], "processing", "{row}");
    }

    campaigns.put(id, "start").await.ok();
    assert_eq!(campaigns.ended(id).await["delivered"], 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_campaign_tries_nobody_again() {
    let setup = Setup::on(&Database::create().await);
    let server = setup.set("RETRY_BASE_SECONDS", "1").start().await;
    let campaigns = Campaigning::on(&server).await;
    // Not reached at first, and on the wire when the campaign goes.
    let addresses = ["busy+1@example.com", "slow+1@example.com"];
    let group = campaigns.group_of(&addresses).await;
    let id = campaigns
        .running(group, json!({"cpm": 100, "try_allowed": 5}))
        .await;
    let mut log = EventLog::of(&server).await;
    campaigns.on_the_wire(&mut log, id, 2).await;
    campaigns.put(id, "stop").await.ok();
    let path = format!("/campaigns/{id}");
    campaigns.client.delete(&path).await.ok();
    tokio::time::sleep(seconds(5)).await;
    assert_eq!(log.starts(id).await.len(), 2);
    let rows = campaigns.transmissions(id).await.into_values();
    let mut outcomes: Vec<_> = rows
        .map(|row| row["outcome"].as_str().unwrap_or("none").to_owned())
        .collect();
    outcomes.sort();
    assert_eq!(outcomes, ["delivered", "rejected"]);
}
