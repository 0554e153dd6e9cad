//! The capacity of a worker, which each service has for itself.

use futures::{StreamExt as _, stream};
use serde_json::json;

use crate::harness::{
    Calling, EventLog, Mailing, STAYS, Server, eventually, sandbox_provider, seconds,
};

/// More calls than a worker takes at the same time.
const CALLS: usize = 1_100;
/// The calls that the sandbox carries on at the same time.
const LINES: usize = 512;

#[tokio::test]
async fn a_thousand_calls_hold_up_neither_mails_nor_short_messages() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    sandbox_provider(&admin).await;
    let calling = Calling::new(&admin).await;
    let contact = calling.contact(STAYS).await;
    let calls = stream::iter(0..CALLS).map(|_| calling.call_contact(contact));
    let calls: Vec<_> = calls.buffer_unordered(16).collect().await;
    let mut log = EventLog::open(&server).await;
    eventually("all lines are in use", seconds(60), async || {
        (log.on_the_wire(0).await.len() >= LINES).then_some(())
    })
    .await;
    let sql = "select count(*) from dispatch.queue where claim_token is not null";
    eventually("the worker takes no more calls", seconds(60), async || {
        let claimed: i64 = sqlx::query_scalar(sql).fetch_one(log.sql()).await.unwrap();
        (claimed >= 1_024 - 128).then_some(())
    })
    .await;

    let mailing = Mailing::new(&admin).await;
    let mail = mailing.send_to("at-once@example.com").await;
    assert_eq!(mailing.ended(mail).await["outcome"], "delivered");
    let texting = Mailing::texting(&admin, json!({"data": "Hello"})).await;
    let text = texting.to(calling.contact("15550188").await).await;
    texting.send(text).await;
    assert_eq!(texting.ended(text).await["outcome"], "delivered");

    assert_eq!(calls.len(), CALLS);
    let ended = log.count("SpoolCompleted").await + log.count("SpoolFailed").await;
    assert_eq!(ended, 2, "no call ended meanwhile");
}
