//! The server is killed while a campaign is being sent.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;
use sqlx::query_as;

use crate::harness::{Campaigning, EventLog, MailRecorder, Server, Setup, smtp_provider};

const CONTACTS: usize = 3_000;
const KILLS: usize = 10;
/// Mails that leave before each kill: few enough that some are left after the last.
const BETWEEN: usize = CONTACTS / (KILLS + 6);
const CONNECTIONS: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_killed_ten_times_reaches_each_contact_once() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let setup = Setup::embedded()
        .set("LEASE_SECONDS", "2")
        .set("RETRY_BASE_SECONDS", "1");
    let (mut server, recorder) = (setup.start().await, MailRecorder::start(0));
    let admin = server.admin().await;
    smtp_provider(&admin, recorder.port, CONNECTIONS).await;
    let campaigns = Campaigning::new(&admin).await;
    let group = campaigns.group(CONTACTS).await;
    recorder.hold_after(BETWEEN);
    let id = campaigns.running(group, json!({"cpm": 1_000_000})).await;
    let (mut on_the_wire, mut killed) = (Vec::new(), 0);

    for _ in 0..KILLS {
        recorder.holds(1).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
        let held = recorder.held();
        server.kill9();
        recorder.hold_after(BETWEEN);
        let mut log = EventLog::open(&server).await;
        on_the_wire.push((held, log.on_the_wire(killed).await.len()));
        killed = log.head().await;
        server.start().await;
    }
    recorder.release();
    let at_last_kill = recorder.count();
    let ended = campaigns.ended(id).await;
    println!(
        "held, and on record at each kill: {on_the_wire:?}; {at_last_kill} mails after the last; \
         {ended}"
    );
    assert_eq!(ended["status"], "completed", "{ended}");
    for (held, on_record) in on_the_wire {
        assert!(
            held > 0 && on_record >= held,
            "{held} on the wire, {on_record} on record"
        );
    }
    each_contact_is_accounted_for(&server, &recorder, id).await;
}

async fn each_contact_is_accounted_for(server: &Server, recorder: &MailRecorder, id: i64) {
    let mut log = EventLog::open(server).await;
    let contacts = CONTACTS as i64;
    assert_eq!(log.made(id).await, (contacts, contacts));
    let started = log.spools("SpoolStarted").await;
    let distinct: BTreeSet<&i64> = started.iter().collect();
    assert_eq!(
        distinct.len(),
        started.len(),
        "an attempt was started twice"
    );
    let most = KILLS * CONNECTIONS as usize;
    let unknown = log.ids("SpoolOutcomeUnknown").await;
    assert!(
        unknown.len() <= most,
        "{} unknown, at most {most}",
        unknown.len()
    );

    let sql = "select c.email, t.transmission_id, t.outcome
               from read.transmissions t join read.contacts c using (contact_id)
               where t.campaign_id = $1";
    let rows: Vec<(String, i64, Option<String>)> =
        query_as(sql).bind(id).fetch_all(log.sql()).await.unwrap();
    assert_eq!(rows.len(), CONTACTS);
    let arrived: BTreeMap<String, usize> = recorder.by_recipient();
    for (email, transmission, outcome) in &rows {
        let count = arrived.get(email).copied().unwrap_or(0);
        let outcome = outcome.as_deref().unwrap_or("none");
        let accounted = match outcome {
            "delivered" => count == 1,
            "unknown" => count <= 1 && unknown.contains(transmission),
            _ => false,
        };
        if !accounted {
            let story = log.story(&transmission.to_string()).await;
            panic!("{email}: {count} mails, and {outcome}; {story}");
        }
    }
    let known: BTreeSet<&String> = rows.iter().map(|row| &row.0).collect();
    let strangers: Vec<_> = arrived.keys().filter(|it| !known.contains(it)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}
