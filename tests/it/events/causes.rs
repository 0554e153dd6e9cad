//! Who or what caused each event.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    contract::{success, things::Things},
    harness::{
        Calling, Campaigning, Client, EventLog, Mailing, STAYS, Server, all_types_of_events,
        eventually, every_event_names_its_causes, seconds, unique_name,
    },
};

/// Types of events that the run below does not bring about, each with the test that holds the
/// causes of such events.
const ELSEWHERE: [(&str, &str); 7] = [
    ("AccountAddressProvided", "upgrade::addresses"),
    ("AccountAddressRelinquished", "people::addresses"),
    ("AccountAddressVerified", "people::addresses"),
    ("AccountVerificationFailed", "people::addresses"),
    ("AccountVerificationStarted", "people::addresses"),
    ("ScheduleMissed", "delivery::schedules_fire"),
    ("UserSmsSendersProvided", "upgrade::addresses"),
];

#[tokio::test]
async fn every_type_of_event_names_its_causes() {
    let server = Server::alone().await;
    let things = Things::on(&server).await;
    success::ask_every_route(&things).await;
    change_things(&things).await;
    let admin = &things.client;
    run_campaigns(&server, admin).await;
    fire_a_schedule(admin).await;
    try_again(&server, admin).await;
    hang_up(admin).await;
    let contact = admin.contact("erased@example.com").await.to_string();
    server.run_ok(&["erase", "contact", &contact]);

    let seen = every_event_names_its_causes(&server).await;
    let elsewhere: BTreeSet<String> = ELSEWHERE.map(|(one, _)| one.to_owned()).into();
    let known = all_types_of_events(&server).await;
    let unseen: Vec<&String> = known.difference(&seen).collect();
    let unseen: Vec<_> = unseen
        .into_iter()
        .filter(|one| !elsewhere.contains(*one))
        .collect();
    assert!(unseen.is_empty(), "no such event: {unseen:?}");
    assert!(
        elsewhere.is_subset(&known),
        "no such type: {elsewhere:?} in {known:?}"
    );
}

/// Changes for which the routes above are asked with bodies that change nothing.
async fn change_things(things: &Things) {
    let admin = &things.client;
    for (kind, change) in [
        ("campaign", json!({"cpm": 7})),
        ("contact", json!({"last_name": "Byron"})),
        ("program", json!({"name": unique_name("changed")})),
        ("transmission", json!({"title": "changed"})),
        ("user", json!({"active": 0})),
        ("user", json!({"active": 1})),
    ] {
        let id = things.any(kind).await;
        admin.put(&format!("/{kind}s/{id}"), change).await.ok();
    }
    let (contact, group) = (things.any("contact").await, things.any("group").await);
    let link = format!("/contacts/{contact}/link/{group}");
    admin.put(&link, json!({})).await.ok();
    admin.delete(&link).await.ok();
}

/// Campaigns that end, stop, withdraw what they queued, go on, and break.
async fn run_campaigns(server: &Server, admin: &Client) {
    let campaigning = Campaigning::new(admin).await;
    let group = campaigning
        .group_of(&["ada@example.com", "fail@example.com", ""])
        .await;
    let id = campaigning.running(group, json!({"cpm": 600})).await;
    campaigning.ended(id).await;

    // The providers are slower than the campaign, so that a stop finds attempts in the queue.
    limit_rates(admin, json!(1)).await;
    let long = campaigning.group(200).await;
    let id = campaigning.running(long, json!({"cpm": 60_000})).await;
    campaigning.done(id, 1).await;
    campaigning.put(id, "stop").await.ok();
    let mut log = EventLog::open(server).await;
    eventually("attempts are withdrawn", seconds(20), async || {
        (log.count("SpoolWithdrawn").await > 0).then_some(())
    })
    .await;
    limit_rates(admin, Value::Null).await;
    campaigning.put(id, "start").await.ok();
    campaigning.ended(id).await;

    let user = server.user(&["user"]).await;
    let theirs = Campaigning::new(&user).await;
    let group = theirs.group(3).await;
    let id = theirs.running(group, json!({"cpm": 0.001})).await;
    let left = json!({"active": 0});
    admin
        .put(&format!("/users/{}", user.user_id), left)
        .await
        .ok();
    campaigning.ended(id).await;
}

async fn limit_rates(admin: &Client, per_second: Value) {
    for provider in admin.get("/providers").await.ok().as_array().unwrap() {
        let path = format!("/providers/{}", provider["provider_id"]);
        admin
            .put(&path, json!({"rate_limit": per_second}))
            .await
            .ok();
    }
}

async fn fire_a_schedule(admin: &Client) {
    let mailing = Mailing::new(admin).await;
    let transmission = mailing.to(admin.contact("soon@example.com").await).await;
    let path = format!("/transmissions/{transmission}/schedule");
    admin.put(&path, json!({"delay": 1})).await.ok();
    mailing.ended(transmission).await;
}

/// A call that is hung up while it rings.
async fn hang_up(admin: &Client) {
    let calling = Calling::new(admin).await;
    let call = calling.call(STAYS).await;
    calling.once(call.spool, "time_start").await;
    calling.hang_up(call.spool).await;
    calling.ended(call).await;
}

/// A transmission whose callee does not answer, so that it is retried.
async fn try_again(server: &Server, admin: &Client) {
    let mailing = Mailing::new(admin).await;
    let contact = admin.contact("busy@example.com").await;
    let twice = json!({"contact_id": contact, "try_allowed": 2});
    let transmission = mailing.with(twice).await;
    mailing.send(transmission).await;
    let mut log = EventLog::open(server).await;
    eventually("it is tried again", seconds(20), async || {
        (log.count("RetryScheduled").await > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_users_campaign_did_is_found_by_the_user_and_leads_to_the_start() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let campaigning = Campaigning::new(&user).await;
    let group = campaigning.group(3).await;
    let id = campaigning.campaign(group, json!({"cpm": 600})).await;
    let request = unique_name("start");
    let start = user.request("PUT", &format!("/campaigns/{id}/start"));
    let start = start.header("x-request-id", &request).json(&json!({}));
    user.send(start).await.ok();
    campaigning.ended(id).await;

    let admin = server.admin().await;
    let path = format!("/events?user_id={}", user.user_id);
    let found = admin.get(&path).await.ok();
    let found = found.as_array().unwrap();
    let by_process = |event: &&Value| event["metadata"]["process"].is_string();
    let caused: Vec<&Value> = found.iter().filter(by_process).collect();
    for (event_type, count) in [
        ("CampaignAdvanced", 1),
        ("TransmissionCreated", 3),
        ("SpoolQueued", 3),
        ("SpoolStarted", 3),
        ("SpoolCompleted", 3),
        ("TransmissionCompleted", 3),
        ("CampaignCompleted", 1),
    ] {
        let of_type = caused.iter().filter(|it| it["event_type"] == event_type);
        assert!(of_type.count() >= count, "{event_type}: {caused:#?}");
    }
    for event in &caused {
        assert_eq!(event["metadata"]["correlation_id"], *request, "{event}");
    }
    let last = caused
        .iter()
        .rfind(|it| it["event_type"] == "SpoolCompleted")
        .unwrap();
    let mut event = (*last).clone();
    let mut path = Vec::new();
    while let Some(position) = event["metadata"]["causation"].as_i64() {
        let read = admin.get(&format!("/events?position={position}")).await;
        event = read.ok()[0].clone();
        path.push(event["event_type"].as_str().unwrap().to_owned());
    }
    assert_eq!(path.first().map(String::as_str), Some("SpoolQueued"));
    assert_eq!(
        path.last().map(String::as_str),
        Some("CampaignStarted"),
        "{path:?}"
    );
    assert_eq!(event["metadata"]["request_id"], *request, "{event}");
}
