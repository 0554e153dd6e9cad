//! `/providers/{id}/status`: the state of a provider, as the workers see it.

use serde_json::{Value, json};

use crate::harness::{
    Client, Database, MailRecorder, Mailing, Server, Setup, eventually, free_port, seconds,
    smtp_provider,
};

/// The status of a provider, once it fits.
async fn status(admin: &Client, provider: i64, what: &str, fits: fn(&Value) -> bool) -> Value {
    let path = format!("/providers/{provider}/status");
    eventually(what, seconds(15), async || {
        let status = admin.get(&path).await.ok();
        fits(&status).then_some(status)
    })
    .await
}

#[tokio::test]
async fn a_worker_elsewhere_tells_what_it_knows() {
    let database = Database::create().await;
    let process = |role: &str| Setup::on(&database).set("ROLE", role);
    let _projector = process("projector").spawn();
    let api = process("api").start().await;
    let admin = api.admin().await;
    let recorder = MailRecorder::start(0);
    let provider = smtp_provider(&admin, recorder.port, 1).await;

    // Nothing was sent yet, so the state is unknown.
    let path = format!("/providers/{provider}/status");
    let unknown = admin.get(&path).await.ok();
    for field in ["reachable", "registered", "last_error", "in_flight", "rate"] {
        assert_eq!(unknown[field], Value::Null, "{field}");
    }
    assert_eq!(unknown["workers"], 0);

    let mut worker = process("worker").spawn();
    let mailing = Mailing::new(&admin).await;
    for n in 0..3 {
        let transmission = mailing.send_to(&format!("known{n}@example.com")).await;
        mailing.ended(transmission).await;
    }
    let known = status(&admin, provider, "three were started", |it| {
        it["rate"] == 3 && it["in_flight"] == 0
    })
    .await;
    assert_eq!(
        (&known["reachable"], &known["in_flight"], &known["workers"]),
        (&json!(true), &json!(0), &json!(1))
    );
    assert_eq!(
        known["registered"],
        Value::Null,
        "a mail server has no such thing"
    );

    assert!(worker.sigterm(seconds(10)).success());
    let gone = admin.get(&path).await.ok();
    assert_eq!(
        (&gone["workers"], &gone["reachable"]),
        (&json!(0), &Value::Null)
    );
}

#[tokio::test]
async fn what_went_wrong_is_told_without_naming_anybody() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let provider = smtp_provider(&admin, free_port(), 1).await;
    let mailing = Mailing::new(&admin).await;
    mailing.send_to("unlucky@example.com").await;
    let down = status(&admin, provider, "it is down", |it| {
        it["reachable"] == false
    })
    .await;
    let error = down["last_error"].as_str().unwrap();
    assert!(!error.is_empty() && !error.contains("unlucky"), "{error}");

    let body = json!({"name": "trunk", "type": "sip", "host": "127.0.0.1", "active": 0});
    let trunk = admin.post("/providers", body).await.id("provider_id");
    let path = format!("/providers/{trunk}/status");
    admin.get(&path).await.ok();
    admin.delete(&format!("/providers/{trunk}")).await.ok();
    assert_eq!(admin.get(&path).await.status, 404);
}
