//! The pace of a campaign, judged on the moments at which its attempts had their slots.
//!
//! No more may start than the pace allows, however late a busy machine is. That the pace is used
//! up depends on the slots that are offered, and is tested on a clock of its own:
//! `dispatch/src/rate_limiter/tests.rs`.

use chrono::{DateTime, TimeDelta, Utc};
use eventstore::clock;
use serde_json::json;
use sqlx::{query_as, query_scalar};

use crate::harness::{
    Campaigning, EventLog, Mailing, Server, TIMEOUT, densest_second, eventually, seconds,
};

/// The time for which a worker uses the state that it read of a campaign, and the rest of a slot
/// that has begun by then.
const HELD_FOR: TimeDelta = TimeDelta::milliseconds(300);

async fn moments(log: &mut EventLog, id: i64) -> Vec<DateTime<Utc>> {
    log.starts(id)
        .await
        .into_iter()
        .map(|start| start.0)
        .collect()
}

/// The moments from `from` until before `to`.
fn between(
    moments: &[DateTime<Utc>],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Vec<DateTime<Utc>> {
    let within = moments.iter().filter(|at| (from..to).contains(at));
    within.copied().collect()
}

/// The most moments within ten seconds.
fn densest_ten_seconds(moments: &[DateTime<Utc>]) -> usize {
    let ten = TimeDelta::seconds(10);
    let counts = moments
        .iter()
        .map(|from| between(moments, *from, *from + ten).len());
    counts.max().unwrap_or_default()
}

/// The shortest time between two successive moments.
fn nearest(moments: &[DateTime<Utc>]) -> TimeDelta {
    let apart = moments.windows(2).map(|pair| pair[1] - pair[0]);
    apart.min().expect("two of them")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_keeps_its_pace() {
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group(125).await;
    let id = campaigns.running(group, json!({"cpm": 10})).await;
    campaigns.ended(id).await;
    let moments = moments(&mut EventLog::open(&server).await, id).await;
    assert_eq!(moments.len(), 125);
    let densest = densest_second(&moments);
    assert!(densest <= 11, "{densest} in one second");
    let densest = densest_ten_seconds(&moments);
    assert!(densest <= 105, "{densest} in ten seconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_pace_holds_at_once() {
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group(150).await;
    let id = campaigns.running(group, json!({"cpm": 2})).await;
    let mut log = EventLog::open(&server).await;
    campaigns.on_the_wire(&mut log, id, 4).await;
    let path = format!("/campaigns/{id}");
    let changed = clock::now();
    campaigns.client.put(&path, json!({"cpm": 15})).await.ok();
    let so_far = log.starts(id).await.len();
    campaigns.on_the_wire(&mut log, id, so_far + 60).await;
    campaigns.client.put(&path, json!({"cpm": 2})).await.ok();
    campaigns.is_known(&mut log, id, "running", Some(2.0)).await;
    let slowed = clock::now();
    let so_far = log.starts(id).await.len();
    campaigns.on_the_wire(&mut log, id, so_far + 8).await;
    campaigns.put(id, "stop").await.ok();

    let moments = moments(&mut log, id).await;
    let (first, last) = (moments[0], clock::now());
    let slow = densest_second(&between(&moments, first, changed));
    assert!(slow <= 3, "{slow} in one second at 2");
    let fast = between(&moments, changed, slowed);
    // At a pace of 2 they are half a second apart.
    let apart = nearest(&fast);
    assert!(apart < TimeDelta::milliseconds(300), "{apart} apart at 15");
    let densest = densest_second(&fast);
    assert!(densest <= 16, "{densest} in one second at 15");
    let slow = densest_second(&between(&moments, slowed + HELD_FOR, last));
    assert!(slow <= 3, "{slow} in one second at 2 again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_caught_up_with_after_a_stop() {
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group(300).await;
    let id = campaigns.running(group, json!({"cpm": 20})).await;
    let mut log = EventLog::open(&server).await;
    campaigns.on_the_wire(&mut log, id, 30).await;
    campaigns.put(id, "stop").await.ok();
    campaigns.is_known(&mut log, id, "stopped", None).await;
    let stopped = clock::now();
    tokio::time::sleep(seconds(3)).await;
    let resumed = clock::now();
    campaigns.put(id, "start").await.ok();
    campaigns.ended(id).await;
    let moments = moments(&mut log, id).await;
    assert_eq!(moments.len(), 300);
    let standing = between(&moments, stopped + HELD_FOR, resumed);
    assert!(
        standing.is_empty(),
        "started while it was stopped: {standing:?}"
    );
    let densest = densest_second(&moments);
    assert!(densest <= 21, "{densest} in one second");
}

/// The attempts of campaigns that started between the queueing of a transmission's
/// attempt and its start.
async fn overtaken_by(log: &mut EventLog, transmission: i64) -> i64 {
    let sql = "select count(*) from events c, events q, events s
               where q.aggregate_type = 'transmission' and q.aggregate_id = $1
                 and q.event_type = 'SpoolQueued'
                 and s.aggregate_type = 'transmission' and s.aggregate_id = $1
                 and s.event_type = 'SpoolStarted'
                 and c.event_type = 'SpoolStarted' and c.position between q.position and s.position
                 and c.payload -> c.event_type ->> 'campaign' is not null";
    let counted = query_scalar(sql).bind(transmission.to_string());
    counted.fetch_one(log.sql()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fast_campaign_holds_nobody_else_up() {
    const CONTACTS: i64 = 2_000;
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let mailing = Mailing::new(&server.user(&["user"]).await).await;
    let group = campaigns.group(CONTACTS as usize).await;
    let id = campaigns.running(group, json!({"cpm": 1_000_000})).await;
    let (mut singles, mut meanwhile) = (Vec::new(), 0);
    // As long as the campaign runs, and at least ten.
    loop {
        let email = format!("single{}@example.com", singles.len());
        let transmission = mailing.send_to(&email).await;
        let ended = mailing.ended(transmission).await;
        assert_eq!(ended["outcome"], "delivered", "{ended}");
        singles.push(transmission);
        match campaigns.read(id).await["status"] == "running" {
            true => meanwhile += 1,
            false if singles.len() >= 10 => break,
            false => {}
        }
    }
    assert!(
        meanwhile >= 1,
        "the campaign was over before the first of them"
    );
    let mut log = EventLog::open(&server).await;
    let mut overtaken = Vec::new();
    for single in singles {
        overtaken.push(overtaken_by(&mut log, single).await);
    }
    println!("{meanwhile} while it ran; passed by {overtaken:?} of the campaign");
    // Behind the whole campaign, the first one would wait for nearly all attempts.
    let most = overtaken.into_iter().max().unwrap();
    assert!(most < CONTACTS / 4, "one was passed by {most}");
    let ended = campaigns.ended(id).await;
    assert_eq!(ended["delivered"], CONTACTS, "{ended}");
    assert_eq!(log.made(id).await, (CONTACTS, CONTACTS));
}

#[tokio::test]
async fn a_start_is_answered_at_once_and_progress_is_told_on_the_way() {
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group(3_000).await;
    let id = campaigns.campaign(group, json!({"cpm": 10})).await;
    campaigns.put(id, "start").await.ok();
    // The request only starts the campaign; the transmissions are created afterwards.
    let mut log = EventLog::open(&server).await;
    let sql = "select count(*), count(distinct event_type) from events
               where commit_id = (select commit_id from events
                   where event_type = 'CampaignStarted' and aggregate_id = $1)";
    let together: (i64, i64) = query_as(sql)
        .bind(id.to_string())
        .fetch_one(log.sql())
        .await
        .unwrap();
    assert_eq!(together, (1, 1), "events in the commit of its start");

    let read = eventually("its rate is known", TIMEOUT, async || {
        let read = campaigns.read(id).await;
        (read["rate"].as_f64().unwrap() > 0.0).then_some(read)
    })
    .await;
    assert_eq!(
        (&read["status"], &read["contact_total"]),
        (&json!("running"), &json!(3_000))
    );
    let to_go = 3_000.0 - read["contact_done"].as_f64().unwrap();
    let expected = to_go / read["rate"].as_f64().unwrap();
    let left = read["expected_end"].as_f64().unwrap() - clock::now().timestamp() as f64;
    assert!(left <= expected + 2.0, "{left} s left: {read}");
    campaigns.put(id, "stop").await.ok();
    eventually("no end is expected any more", TIMEOUT, async || {
        let read = campaigns.read(id).await;
        (read["status"] == "paused" && read["expected_end"].is_null()).then_some(())
    })
    .await;
}
