//! A campaign's life cycle: started, stopped, resumed, completed, broken.

use serde_json::{Value, json};

use crate::harness::{Campaigning, Client, EventLog, Server, eventually, seconds, unique_name};

/// A pace so slow that the campaign runs until it is stopped.
const ENDLESS: f64 = 0.001;

async fn campaigning() -> Campaigning {
    Campaigning::new(&Server::shared().await.user(&["user"]).await).await
}

async fn asked(client: &Client, method: &str, path: &str) -> crate::harness::Answer {
    client.send(client.request(method, path)).await
}

/// The reason for which a request was refused with 423.
#[track_caller]
fn reason(answer: &crate::harness::Answer) -> String {
    answer.expect(423)["detail"].as_str().unwrap().to_owned()
}

/// All routes that start and stop a campaign.
fn spellings(id: i64) -> [(&'static str, String, String); 4] {
    let (put, get) = (format!("/campaigns/{id}"), format!("/campaign/{id}"));
    [
        ("PUT", format!("{put}/start"), format!("{put}/stop")),
        ("PUT", format!("{put}/resume"), format!("{put}/stop")),
        ("GET", format!("{get}/start"), format!("{get}/stop")),
        ("GET", format!("{get}/resume"), format!("{get}/stop")),
    ]
}

#[tokio::test]
async fn a_campaign_is_started_stopped_and_resumed_by_every_spelling() {
    let campaigns = campaigning().await;
    let group = campaigns.group(3).await;
    let id = campaigns.campaign(group, json!({"cpm": ENDLESS})).await;
    let status = async || campaigns.read(id).await["status"].clone();
    assert_eq!(status().await, "new");
    for (method, start, stop) in spellings(id) {
        let answer = asked(&campaigns.client, method, &start).await;
        assert_eq!(
            (answer.ok(), status().await),
            (json!(true), json!("running"))
        );
        let again = asked(&campaigns.client, method, &start).await;
        assert_eq!(reason(&again), "it is running already", "{start}");
        let answer = asked(&campaigns.client, method, &stop).await;
        assert_eq!(
            (answer.ok(), status().await),
            (json!(true), json!("paused"))
        );
        let again = asked(&campaigns.client, method, &stop).await;
        assert_eq!(reason(&again), "it is stopped already", "{stop}");
    }
    let read = campaigns.read(id).await;
    assert_eq!(read["contact_total"], 3);
    assert!(
        read["started_at"].is_i64() && read["ended_at"].is_null(),
        "{read}"
    );
}

#[tokio::test]
async fn what_is_completed_neither_starts_nor_stops_nor_changes() {
    let campaigns = campaigning().await;
    let group = campaigns.group(2).await;
    let id = campaigns.running(group, json!({"cpm": 100})).await;
    let ended = campaigns.ended(id).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    assert!(
        ended["ended_at"].as_i64() >= ended["started_at"].as_i64(),
        "{ended}"
    );
    for (method, start, stop) in spellings(id) {
        for path in [start, stop] {
            let answer = asked(&campaigns.client, method, &path).await;
            assert_eq!(reason(&answer), "it is completed", "{path}");
        }
    }
    let path = format!("/campaigns/{id}");
    let changed = campaigns.client.put(&path, json!({"cpm": 5})).await;
    assert_eq!(reason(&changed), "it is completed");
    assert_eq!(campaigns.read(id).await["status"], "completed");
    campaigns.client.delete(&path).await.ok();
    campaigns
        .client
        .delete(&format!("/groups/{group}"))
        .await
        .ok();
}

#[tokio::test]
async fn while_it_runs_neither_it_nor_what_it_is_made_of_goes_away() {
    let campaigns = campaigning().await;
    let (user, group) = (&campaigns.client, campaigns.group(2).await);
    let id = campaigns.running(group, json!({"cpm": ENDLESS})).await;
    let program = campaigns.program_id;
    for (method, path) in [
        ("DELETE", format!("/campaigns/{id}")),
        ("GET", format!("/campaigns/{id}/delete")),
        ("DELETE", format!("/groups/{group}")),
        ("GET", format!("/groups/{group}/delete")),
        ("DELETE", format!("/programs/{program}")),
        ("GET", format!("/programs/{program}/delete")),
    ] {
        let refused = reason(&asked(user, method, &path).await);
        assert!(!refused.is_empty(), "{method} {path}");
    }
    for path in [
        format!("/campaigns/{id}"),
        format!("/groups/{group}"),
        format!("/programs/{program}"),
    ] {
        user.get(&path).await.ok();
    }
    campaigns.put(id, "stop").await.ok();
    user.delete(&format!("/campaigns/{id}")).await.ok();
    user.delete(&format!("/groups/{group}")).await.ok();
    // What was on its way when the campaign stopped uses the program until it has ended.
    let path = format!("/programs/{program}");
    eventually("the program is not in use", seconds(60), async || {
        let deleted = user.delete(&path).await;
        (deleted.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn while_it_runs_only_its_pace_changes() {
    let campaigns = campaigning().await;
    let (user, group) = (&campaigns.client, campaigns.group(2).await);
    let id = campaigns.running(group, json!({"cpm": ENDLESS})).await;
    let path = format!("/campaigns/{id}");
    let account = user.get("/accounts").await.ok()[0]["account_id"].clone();
    let before = campaigns.read(id).await;
    for body in [
        json!({"source": "elsewhere"}),
        json!({"try_allowed": 3}),
        json!({"duplicates": 1}),
        json!({"account_id": account}),
        json!({"group_id": campaigns.group(1).await}),
        json!({"program_id": Campaigning::new(user).await.program_id}),
        json!({"quiet_from": "21:00", "quiet_to": "08:00"}),
        json!({"quiet_days": "1"}),
        json!({"cpm": 1, "source": "elsewhere"}),
    ] {
        let refused = reason(&user.put(&path, body.clone()).await);
        assert!(
            refused.contains("only cpm can be changed"),
            "{body}: {refused}"
        );
    }
    let unmoved = |campaign: &Value| {
        let fields = [
            "source",
            "try_allowed",
            "duplicates",
            "group_id",
            "program_id",
            "cpm",
        ];
        fields.map(|field| campaign[field].clone())
    };
    assert_eq!(unmoved(&campaigns.read(id).await), unmoved(&before));
    let changed = user.put(&path, json!({"cpm": 0.002})).await.ok();
    assert_eq!(changed["cpm"], 0.002);
    let changed = user.put(&path, json!({"delay": 400_000})).await.ok();
    assert_eq!(changed["cpm"], 0.0025);
    campaigns.put(id, "stop").await.ok();
    let body = json!({"source": "elsewhere", "try_allowed": 3});
    let changed = user.put(&path, body).await.ok();
    assert_eq!(changed["source"], "elsewhere");
}

#[tokio::test]
async fn of_two_who_start_it_at_once_one_does() {
    let server = Server::shared().await;
    let campaigns = campaigning().await;
    let mut log = EventLog::open(server).await;
    let group = campaigns.group(2).await;
    let admin = Campaigning {
        client: server.admin().await,
        ..campaigns.clone()
    };
    for _ in 0..5 {
        let id = campaigns.campaign(group, json!({"cpm": ENDLESS})).await;
        let (one, other) = futures::join!(campaigns.put(id, "start"), admin.put(id, "start"));
        let (yes, no) = if one.status == 200 {
            (one, other)
        } else {
            (other, one)
        };
        assert_eq!(yes.ok(), json!(true));
        assert_eq!(reason(&no), "it is running already");
        let history = log.history("campaign", id).await;
        let started = history.iter().filter(|kind| *kind == "CampaignStarted");
        assert_eq!(started.count(), 1, "{history:?}");
        campaigns.put(id, "stop").await.ok();
    }
}

#[tokio::test]
async fn a_start_that_cannot_work_says_why_and_changes_nothing() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let campaigns = Campaigning::on(&server).await;
    let (empty, group) = (campaigns.group(0).await, campaigns.group(1).await);
    let account = json!({
        "username": unique_name("account"), "phone": "15550111", "email": "in@example.com",
        "first_name": "In", "active": 1,
    });
    let account = admin.post("/accounts", account).await.id("account_id");
    let inbound = json!({"name": unique_name("inbound"), "account_id": account});
    let inbound = admin.post("/programs/receiveemail", inbound).await;
    let inbound = inbound.id("program_id");

    let of_nobody = campaigns.campaign(empty, json!({})).await;
    let receiving = campaigns
        .campaign(group, json!({"program_id": inbound}))
        .await;
    let unprovided = campaigns.campaign(group, json!({})).await;
    let mut log = EventLog::open(&server).await;
    let mut refused = async |id: i64, expected: &str| {
        for (method, start, _) in spellings(id) {
            let why = reason(&asked(&admin, method, &start).await);
            assert!(why.contains(expected), "{start}: {why}");
        }
        assert_eq!(campaigns.read(id).await["status"], "new");
        assert_eq!(log.history("campaign", id).await, ["CampaignCreated"]);
    };
    refused(of_nobody, "its group is empty").await;
    refused(receiving, "a program of type receiveemail only receives").await;
    let providers = admin.get("/providers").await.ok();
    let active = |value: i64| {
        let (admin, providers) = (&admin, providers.as_array().unwrap());
        async move {
            for provider in providers {
                let path = format!("/providers/{}", provider["provider_id"]);
                admin.put(&path, json!({"active": value})).await.ok();
            }
        }
    };
    active(0).await;
    refused(unprovided, "there is no provider for service email").await;
    active(1).await;
    campaigns.put(unprovided, "start").await.ok();
    assert_eq!(campaigns.ended(unprovided).await["delivered"], 1);
    for id in [of_nobody, unprovided] {
        let stopped = campaigns.put(id, "stop").await;
        assert!(!reason(&stopped).is_empty());
    }
}

#[tokio::test]
async fn its_history_tells_what_happened_and_who_did_it() {
    let server = Server::shared().await;
    let campaigns = campaigning().await;
    let group = campaigns.group(5).await;
    let id = campaigns.running(group, json!({"cpm": 100})).await;
    campaigns.ended(id).await;
    let path = format!("/events?aggregate_type=campaign&aggregate_id={id}");
    let events = server.admin().await.get(&path).await.ok();
    let events = events.as_array().unwrap();
    let kinds: Vec<_> = events
        .iter()
        .map(|it| it["event_type"].as_str().unwrap())
        .collect();
    let (first, last) = (&kinds[..2], kinds.last().unwrap());
    assert_eq!(
        (first, *last),
        (
            ["CampaignCreated", "CampaignStarted"].as_slice(),
            "CampaignCompleted"
        )
    );
    let between = &kinds[2..kinds.len() - 1];
    assert!(
        !between.is_empty() && between.iter().all(|it| *it == "CampaignAdvanced"),
        "{kinds:?}"
    );
    for event in &events[..2] {
        assert_eq!(
            event["metadata"]["user_id"], campaigns.client.user_id,
            "{event}"
        );
    }
    let payload = &events[events.len() - 1]["payload"]["CampaignCompleted"];
    assert_eq!(payload["tally"]["delivered"], 5, "{payload}");
    let made: i64 = events
        .iter()
        .filter_map(|it| it["payload"]["CampaignAdvanced"]["leg"]["made"].as_i64())
        .sum();
    assert_eq!(made, 5);
}

#[tokio::test]
async fn one_whose_owner_is_deactivated_is_broken_and_goes_on_when_it_can() {
    let server = Server::shared().await;
    let campaigns = campaigning().await;
    let (admin, owner) = (server.admin().await, campaigns.client.user_id);
    let group = campaigns.group(40).await;
    let id = campaigns.running(group, json!({"cpm": 1})).await;
    campaigns.done(id, 2).await;
    let path = format!("/users/{owner}");
    admin.put(&path, json!({"active": 0})).await.ok();
    let as_admin = Campaigning {
        client: admin.clone(),
        ..campaigns
    };
    let broken = as_admin.ended(id).await;
    assert_eq!(broken["status"], "broken", "{broken}");
    assert_eq!(broken["reason"], "its owner was deleted or deactivated");
    assert_eq!(reason(&as_admin.put(id, "stop").await), "it is broken");
    for action in ["start", "resume"] {
        let refused = reason(&as_admin.put(id, action).await);
        assert_eq!(refused, "its owner is not active");
    }
    admin.put(&path, json!({"active": 1})).await.ok();
    // The account was deactivated with its user, and has to be activated separately.
    let accounts = admin.get("/accounts").await.ok();
    let own = accounts.as_array().unwrap().iter();
    for account in own.filter(|account| account["user_id"] == owner) {
        let account = format!("/accounts/{}", account["account_id"]);
        admin.put(&account, json!({"active": 1})).await.ok();
    }
    admin
        .put(&format!("/campaigns/{id}"), json!({"cpm": 100}))
        .await
        .ok();
    as_admin.put(id, "start").await.ok();
    let read = as_admin.read(id).await;
    assert_eq!(
        (&read["status"], &read["reason"]),
        (&json!("running"), &Value::Null)
    );
    let ended = as_admin.ended(id).await;
    assert_eq!(
        (&ended["status"], &ended["delivered"]),
        (&json!("completed"), &json!(40))
    );
    let mut log = EventLog::open(server).await;
    assert_eq!(
        (log.made(id).await, log.starts(id).await.len()),
        ((40, 40), 40)
    );
}

#[tokio::test]
async fn a_deleted_one_sends_nothing_more() {
    let server = Server::shared().await;
    let campaigns = campaigning().await;
    let group = campaigns.group(10).await;
    let id = campaigns.running(group, json!({"cpm": 0.2})).await;
    campaigns.done(id, 1).await;
    campaigns.put(id, "stop").await.ok();
    campaigns
        .client
        .delete(&format!("/campaigns/{id}"))
        .await
        .ok();
    let left = eventually("all its transmissions end", seconds(10), async || {
        let all: Vec<Value> = campaigns.transmissions(id).await.into_values().collect();
        let open = ["pending", "processing"];
        let ended = |it: &&Value| !open.contains(&it["status"].as_str().unwrap());
        (all.iter().filter(ended).count() == all.len()).then_some(all)
    })
    .await;
    let suppressed = left.iter().filter(|it| it["suppressed"] == 1);
    assert!(suppressed.clone().count() > 0, "{left:?}");
    for row in suppressed {
        assert_eq!(row["response"], "its campaign was deleted", "{row}");
    }
    let mut log = EventLog::open(server).await;
    let delivered = left
        .iter()
        .filter(|it| it["outcome"] == "delivered")
        .count();
    assert_eq!(log.starts(id).await.len(), delivered);
}
