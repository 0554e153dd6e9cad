//! A campaign that is stopped and started repeatedly.

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::harness::{Campaigning, Database, EventLog, ReadModels, Setup, densest_second};

const CONTACTS: usize = 300;
const STOPS: usize = 50;

/// Addresses of which most are reached; some are busy, fail, or occur twice.
fn addresses() -> Vec<String> {
    let address = |n: usize| match n % 30 {
        7 => format!("busy+{n}@example.com"),
        13 => format!("fail+{n}@example.com"),
        19 => "same@example.com".to_owned(),
        _ => format!("contact{n}@example.com"),
    };
    (0..CONTACTS).map(address).collect()
}

/// The outcome of each contact, in order of their ids.
async fn outcomes(campaigns: &Campaigning, id: i64) -> Vec<[Value; 4]> {
    let transmissions = campaigns.transmissions(id).await.into_values();
    let fields = ["status", "outcome", "suppressed", "try_done"];
    transmissions
        .map(|row| fields.map(|field| row[field].clone()))
        .collect()
}

fn counts(campaign: &Value) -> BTreeMap<&'static str, Value> {
    [
        "status",
        "contact_total",
        "contact_done",
        "contact_skipped",
        "delivered",
        "rejected",
        "unanswered",
        "unavailable",
        "unknown",
        "suppressed",
    ]
    .into_iter()
    .map(|name| (name, campaign[name].clone()))
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_stops_change_nothing_of_what_comes_of_it() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let setup = Setup::on(&Database::create().await);
    let server = setup.start().await;
    let campaigns = Campaigning::on(&server).await;
    let group = campaigns.group_of(&addresses()).await;
    let through = campaigns.running(group, json!({"cpm": 1_000})).await;

    // Slow enough that it does not end before the last stop.
    let id = campaigns.running(group, json!({"cpm": 5})).await;
    let mut log = EventLog::open(&server).await;
    for stop in 0..STOPS {
        // However slow the machine is, the campaign makes progress in between.
        if stop % 10 == 0 {
            let started = log.starts(id).await.len();
            campaigns.on_the_wire(&mut log, id, started + 1).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..300))).await;
        assert_eq!(campaigns.put(id, "stop").await.ok(), json!(true));
        tokio::time::sleep(Duration::from_millis(random.random_range(0..100))).await;
        assert_eq!(campaigns.put(id, "start").await.ok(), json!(true));
    }
    let so_far: Vec<_> = log
        .starts(id)
        .await
        .into_iter()
        .map(|start| start.0)
        .collect();
    println!("{} on the wire after {STOPS} stops", so_far.len());
    let densest = densest_second(&so_far);
    assert!(densest <= 6, "{densest} in one second");
    let faster = json!({"cpm": 1_000});
    campaigns
        .client
        .put(&format!("/campaigns/{id}"), faster)
        .await
        .ok();

    let (through_read, read) = (campaigns.ended(through).await, campaigns.ended(id).await);
    assert_eq!(counts(&read), counts(&through_read));
    assert_eq!(
        outcomes(&campaigns, id).await,
        outcomes(&campaigns, through).await
    );
    let contacts = CONTACTS as i64;
    assert_eq!(log.made(id).await, (contacts, contacts));
    let twins = CONTACTS / 30 - 1;
    assert_eq!(log.starts(id).await.len(), CONTACTS - twins);
    let history = log.history("campaign", id).await;
    let count = |kind: &str| history.iter().filter(|it| *it == kind).count();
    assert_eq!(
        (count("CampaignPaused"), count("CampaignResumed")),
        (STOPS, STOPS)
    );
    ReadModels::assert_whole(&server).await;
}
