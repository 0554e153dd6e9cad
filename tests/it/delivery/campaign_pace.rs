//! How fast a campaign goes, judged on the moments at which its attempts went on the wire.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use eventstore::clock;
use serde_json::json;

use crate::harness::{Campaigning, EventLog, Mailing, Server, densest_second, eventually, seconds};

async fn moments(log: &mut EventLog, id: i64) -> Vec<DateTime<Utc>> {
    log.starts(id)
        .await
        .into_iter()
        .map(|start| start.0)
        .collect()
}

/// The moments that lie between these two.
fn within(moments: &[DateTime<Utc>], from: DateTime<Utc>, to: DateTime<Utc>) -> usize {
    moments.iter().filter(|at| (from..to).contains(at)).count()
}

fn millis(count: i64) -> TimeDelta {
    TimeDelta::milliseconds(count)
}

/// How many there are in the fullest and in the emptiest ten seconds.
fn ten_seconds(moments: &[DateTime<Utc>]) -> (usize, usize) {
    let last = moments[moments.len() - 1] - millis(10_000);
    let spans = (0..).map(|nth| moments[0] + millis(nth * 100));
    let counts: Vec<usize> = spans
        .take_while(|from| *from <= last)
        .map(|from| within(moments, from, from + millis(10_000)))
        .collect();
    (*counts.iter().min().unwrap(), *counts.iter().max().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_keeps_its_pace() {
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group(125).await;
    let id = campaigns.running(group, json!({"cpm": 10})).await;
    campaigns.ended(id).await;
    let moments = moments(&mut EventLog::of(&server).await, id).await;
    assert_eq!(moments.len(), 125);
    let densest = densest_second(&moments);
    assert!(densest <= 11, "{densest} in one second");
    let (least, most) = ten_seconds(&moments);
    assert!(
        least >= 95 && most <= 105,
        "{least} to {most} in ten seconds"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_pace_holds_at_once() {
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group(150).await;
    let id = campaigns.running(group, json!({"cpm": 2})).await;
    let mut log = EventLog::of(&server).await;
    campaigns.on_the_wire(&mut log, id, 4).await;
    let path = format!("/campaigns/{id}");
    campaigns.client.put(&path, json!({"cpm": 15})).await.ok();
    let changed = clock::now();
    tokio::time::sleep(seconds(6)).await;
    campaigns.client.put(&path, json!({"cpm": 2})).await.ok();
    let slowed = clock::now();
    tokio::time::sleep(seconds(4)).await;
    campaigns.put(id, "stop").await.ok();
    let moments = moments(&mut log, id).await;
    let slow = within(&moments, changed - millis(2_000), changed);
    assert!((3..=5).contains(&slow), "{slow} in two seconds at 2");
    let fast = within(&moments, changed + millis(2_000), slowed);
    let wanted = (slowed - changed - millis(2_000)).as_seconds_f64() * 15.0;
    assert!(
        (fast as f64 - wanted).abs() <= wanted * 0.05 + 1.0,
        "{fast} of {wanted} at 15"
    );
    // What had passed the gate when it was slowed down is on record a little later.
    let next = within(&moments, slowed + millis(300), slowed + millis(1_300));
    assert!(next <= 3, "{next} in the next second at 2");
    let slow = within(&moments, slowed + millis(2_000), slowed + millis(4_000));
    assert!((3..=5).contains(&slow), "{slow} in two seconds at 2 again");
    let densest = densest_second(&moments);
    assert!(densest <= 16, "{densest} in one second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_caught_up_with_after_a_stop() {
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group(120).await;
    let id = campaigns.running(group, json!({"cpm": 20})).await;
    let mut log = EventLog::of(&server).await;
    campaigns.on_the_wire(&mut log, id, 30).await;
    campaigns.put(id, "stop").await.ok();
    let stopped = clock::now();
    tokio::time::sleep(seconds(3)).await;
    campaigns.put(id, "start").await.ok();
    let resumed = clock::now();
    campaigns.ended(id).await;
    let moments = moments(&mut log, id).await;
    assert_eq!(moments.len(), 120);
    // Whoever stands before the gate already may pass it.
    let standing = within(&moments, stopped + millis(1_500), resumed - millis(50));
    assert_eq!(standing, 0, "{standing} started while it was stopped");
    let densest = densest_second(&moments);
    assert!(densest <= 21, "{densest} in one second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fast_campaign_holds_nobody_else_up() {
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let mailing = Mailing::of(&server.user(&["user"]).await).await;
    let group = campaigns.group(2_000).await;
    let id = campaigns.running(group, json!({"cpm": 1_000_000})).await;
    let (mut singles, mut meanwhile) = (Vec::new(), 0);
    // As long as it runs, and ten at least.
    loop {
        let sent_at = Instant::now();
        let email = format!("single{}@example.com", singles.len());
        let transmission = mailing.send_to(&email).await;
        let ended = mailing.ended(transmission).await;
        assert_eq!(ended["outcome"], "delivered", "{ended}");
        singles.push(sent_at.elapsed());
        match campaigns.read(id).await["status"] == "running" {
            true => meanwhile += 1,
            false if singles.len() >= 10 => break,
            false => {}
        }
    }
    println!("{meanwhile} of {} while it ran: {singles:?}", singles.len());
    assert!(
        meanwhile >= 1,
        "the campaign was over before the first of them"
    );
    let slowest = singles.iter().max().unwrap();
    assert!(*slowest < seconds(10), "{singles:?}");
    let ended = campaigns.ended_within(id, seconds(120)).await;
    assert_eq!(ended["delivered"], 2_000, "{ended}");
    assert_eq!(EventLog::of(&server).await.made(id).await, (2_000, 2_000));
}

#[tokio::test]
async fn a_start_is_answered_at_once_and_progress_is_told_on_the_way() {
    let server = Server::alone().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group(3_000).await;
    let id = campaigns.campaign(group, json!({"cpm": 10})).await;
    let asked = Instant::now();
    campaigns.put(id, "start").await.ok();
    assert!(asked.elapsed() < seconds(5), "{:?}", asked.elapsed());
    let read = eventually("its rate is known", seconds(15), async || {
        let read = campaigns.read(id).await;
        (read["rate"].as_f64().unwrap() >= 2.0).then_some(read)
    })
    .await;
    assert_eq!(
        (&read["status"], &read["contact_total"]),
        (&json!("running"), &json!(3_000))
    );
    let left = read["expected_end"].as_i64().unwrap() - clock::now().timestamp();
    // At ten a second it takes five minutes; the rate of the first seconds is not whole.
    assert!((250..=1_600).contains(&left), "{left} s left: {read}");
    campaigns.put(id, "stop").await.ok();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let read = campaigns.read(id).await;
    assert_eq!(
        (&read["status"], read["expected_end"].is_null()),
        (&json!("paused"), true)
    );
}
