//! STOP and START in inbound SMS: they change the list of opt-outs, and are answered.

use reqwest::StatusCode;
use serde_json::json;

use super::inbound_sms::SmsReceiver;
use crate::harness::{
    EventLog, eventually, every_event_names_its_causes, seconds, unique, unique_name,
};

#[tokio::test]
async fn stop_closes_the_list_answers_once_and_start_opens_it() {
    let receiver = SmsReceiver::open().await;
    let by = receiver.receiving.kannel(&receiver.client).await;
    let client = &receiver.client;
    let kannel = format!("/providers/{}", by.provider_id);
    client.put(&kannel, json!({"service_flag": 8})).await;
    let sandbox = json!({"name": unique_name("sandbox"), "type": "sandbox"});
    client.post("/providers", sandbox).await.ok();
    for id in ["1", "2"] {
        let query = format!("from=%2B4930999&data=Stop.&id={id}");
        receiver.receiving.bring(&by, &query).await;
    }
    receiver.receiving.arrived(client, 2).await;
    let listed = eventually("the list is closed", seconds(20), async || {
        let listed = client.get("/optouts").await.ok();
        (listed != json!([])).then_some(listed)
    })
    .await;
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["source"], "stop", "{listed}");
    let answers = eventually("the answer goes out", seconds(20), async || {
        Some(receiver.outbox().await).filter(|outbox| !outbox.is_empty())
    })
    .await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    let answer = answers[0].to_string();
    assert!(answer.contains("Reply START"), "{answer}");
    receiver
        .receiving
        .bring(&by, "from=%2B4930999&data=START&id=3")
        .await;
    receiver.receiving.arrived(client, 3).await;
    eventually("the list is open", seconds(20), async || {
        let listed = client.get("/optouts").await.ok();
        (listed == json!([])).then_some(())
    })
    .await;
    assert_eq!(receiver.outbox().await.len(), 1);
    let mut log = EventLog::open(&receiver.server).await;
    let message = &log.metadata("SpoolReceived").await[0]["message_id"];
    let (added, removed) = (
        log.metadata("OptOutAdded").await,
        log.metadata("OptOutRemoved").await,
    );
    assert_eq!(added[0]["message_id"], *message, "{added:?}");
    let received = log.ids("SpoolReceived").await;
    for causes in [&added[0], &removed[0]] {
        let transmission = causes["transmission_id"].as_i64().unwrap();
        assert!(received.contains(&transmission), "{causes}");
        assert!(causes["spool_id"].is_number(), "{causes}");
    }
    every_event_names_its_causes(&receiver.server).await;
}

#[tokio::test]
async fn a_wish_holds_although_nobody_reads_what_it_came_in() {
    let receiver = SmsReceiver::open().await;
    let by = receiver.receiving.kannel(&receiver.client).await;
    let mut unread = receiver.receiving.clone();
    unread.address = format!("+4930{:07}", unique());
    let account = json!({"username": unique_name("unread"), "active": 1, "phone": unread.address});
    receiver.client.post("/accounts", account).await.ok();
    let answer = unread.brought(&by, "from=%2B4930999&data=STOP&id=1").await;
    assert_eq!(answer, StatusCode::NOT_FOUND);
    let listed = eventually("the list is closed", seconds(20), async || {
        let listed = receiver.client.get("/optouts").await.ok();
        (listed != json!([])).then_some(listed)
    })
    .await;
    assert_eq!(listed[0]["source"], "stop", "{listed}");
    let causes = EventLog::open(&receiver.server)
        .await
        .metadata("OptOutAdded")
        .await;
    assert!(causes[0]["message_id"].is_string(), "{causes:?}");
    assert!(causes[0]["transmission_id"].is_null(), "{causes:?}");
}

#[tokio::test]
async fn the_last_wish_is_the_one_that_holds() {
    let (receiver, centre) = SmsReceiver::bound().await;
    for (number, word) in (1..).zip(["STOP", "START", "Stop", "Start", "stop!"]) {
        receiver.deliver(&centre, word.as_bytes(), json!({}));
        centre.said("delivered", number).await;
    }
    receiver.receiving.arrived(&receiver.client, 5).await;
    let listed = eventually("the last wish is readable", seconds(60), async || {
        let wishes = receiver
            .client
            .get("/events?aggregate_type=optout")
            .await
            .ok();
        let listed = receiver.client.get("/optouts").await.ok();
        let (wishes, listed) = (wishes.as_array()?.len(), listed.as_array()?.len());
        (wishes == 5).then_some(listed)
    })
    .await;
    assert_eq!(listed, 1);
}
