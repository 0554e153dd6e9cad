//! A provider's limits, kept by several workers together.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::query_as;

use crate::harness::{
    Campaigning, Client, Database, EventLog, Mailing, Server, Setup, TIMEOUT, eventually, seconds,
};

/// A server and a second worker on one database.
async fn two_workers() -> (Server, Server) {
    let database = Database::create().await;
    let process = |role: &str| Setup::on(&database).set("ROLE", role);
    let server = process("all").start().await;
    let worker = process("worker").spawn();
    (server, worker)
}

/// The only provider there is, with these limits.
async fn sandbox(admin: &Client, rate: Option<u32>, channels: Option<u32>) -> i64 {
    for provider in admin.get("/providers").await.ok().as_array().unwrap() {
        let path = format!("/providers/{}", provider["provider_id"]);
        admin.delete(&path).await.ok();
    }
    let body = json!({"name": "limited", "type": "sandbox", "active": 1,
        "rate_limit": rate, "channel_limit": channels});
    admin.post("/providers", body).await.id("provider_id")
}

/// The time and the worker of each start of an attempt, in order.
async fn starts(log: &mut EventLog) -> Vec<(DateTime<Utc>, String)> {
    let sql = "select (payload -> event_type ->> 'at')::timestamptz as at,
                 payload -> event_type ->> 'worker' from events
               where event_type = 'SpoolStarted' order by at";
    query_as(sql).fetch_all(log.sql()).await.unwrap()
}

#[tokio::test]
async fn no_second_holds_more_starts_than_the_rate_over_all_workers() {
    const RATE: usize = 20;
    let (server, _worker) = two_workers().await;
    let admin = server.admin().await;
    sandbox(&admin, Some(RATE as u32), None).await;
    Campaigning::new(&admin).await.workers(2).await;
    let mailing = Mailing::new(&admin).await;
    let mut log = EventLog::open(&server).await;
    let mut sent = 0;
    let starts = eventually("both workers work", TIMEOUT, async || {
        send_paced(&mailing, sent..sent + 120).await;
        sent += 120;
        let starts = starts(&mut log).await;
        assert_eq!(starts.len(), sent);
        let first = starts[0].1.clone();
        starts.iter().any(|it| it.1 != first).then_some(starts)
    })
    .await;
    for first in &starts {
        let second = first.0 + chrono::TimeDelta::seconds(1);
        let within = starts.iter().filter(|it| it.0 >= first.0 && it.0 < second);
        let count = within.count();
        assert!(count <= RATE, "{count} in the second from {}", first.0);
    }
}

/// Sends to a new contact for each of these numbers, and waits until all are delivered.
async fn send_paced(mailing: &Mailing, numbers: std::ops::Range<usize>) {
    let mut transmissions = Vec::new();
    for n in numbers {
        let email = format!("paced{n}@example.com");
        let contact = mailing.client.contact(&email).await;
        transmissions.push(mailing.to(contact).await);
    }
    for transmission in &transmissions {
        mailing.send(*transmission).await;
    }
    for transmission in transmissions {
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }
}

#[tokio::test]
async fn no_more_attempts_are_under_way_than_there_are_channels_over_all_workers() {
    const CHANNELS: usize = 3;
    let (server, _worker) = two_workers().await;
    let admin = server.admin().await;
    let provider = sandbox(&admin, None, Some(CHANNELS as u32)).await;
    let mailing = Mailing::new(&admin).await;
    let mut transmissions = Vec::new();
    for n in 0..8 {
        transmissions.push(mailing.send_to(&format!("slow+{n}@example.com")).await);
    }
    let path = format!("/providers/{provider}/status");
    eventually("the channels are shown", seconds(20), async || {
        let status = admin.get(&path).await.ok();
        assert_eq!(status["channel_limit"], CHANNELS);
        (status["channels"] == CHANNELS).then_some(())
    })
    .await;
    for transmission in transmissions {
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }

    let sql = "select time_start, time_end from read.spools where status = 'completed'";
    let mut log = EventLog::open(&server).await;
    let spans: Vec<(DateTime<Utc>, DateTime<Utc>)> =
        query_as(sql).fetch_all(log.sql()).await.unwrap();
    assert_eq!(spans.len(), 8);
    let mut most = 0;
    for (at, _) in &spans {
        let during = spans.iter().filter(|(from, to)| from <= at && at < to);
        most = most.max(during.count());
    }
    assert!(most <= CHANNELS, "{most} at once");
}

#[tokio::test]
async fn a_limit_is_set_changed_and_taken_away() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let provider = sandbox(&admin, Some(1), Some(1)).await;
    let path = format!("/providers/{provider}");
    let read = admin.get(&path).await.ok();
    assert_eq!(
        (&read["rate_limit"], &read["channel_limit"]),
        (&json!(1), &json!(1))
    );
    for field in ["rate_limit", "channel_limit"] {
        for wrong in [
            json!(0),
            json!(-1),
            json!(100_001),
            json!(1.5),
            json!("many"),
        ] {
            let refused = admin.put(&path, json!({field: wrong})).await;
            refused.expect(412);
        }
    }
    let mailing = Mailing::new(&admin).await;
    for n in 0..3 {
        let transmission = mailing.send_to(&format!("single{n}@example.com")).await;
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }
    let free = json!({"rate_limit": null, "channel_limit": null});
    admin.put(&path, free).await.ok();
    let read = admin.get(&path).await.ok();
    assert!(
        read["rate_limit"].is_null() && read["channel_limit"].is_null(),
        "{read}"
    );
    let mut log = EventLog::open(&server).await;
    let apart = |starts: &[(DateTime<Utc>, String)]| {
        let apart = starts.windows(2).map(|pair| pair[1].0 - pair[0].0);
        apart.min().unwrap()
    };
    let limited = apart(&starts(&mut log).await);
    assert!(limited.num_milliseconds() >= 990, "{limited} apart");
    let mut sent = 3;
    eventually("two start within a second", TIMEOUT, async || {
        send_paced(&mailing, sent..sent + 2).await;
        sent += 2;
        let apart = apart(&starts(&mut log).await);
        (apart.num_milliseconds() < 900).then_some(())
    })
    .await;
}
