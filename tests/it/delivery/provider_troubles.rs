//! Unreachable providers: failover to the next provider at once, and a circuit breaker for a
//! provider that keeps failing.

use eventstore::clock;
use serde_json::json;
use sqlx::query_scalar;

use crate::harness::{
    EventLog, MailRecorder, Mailing, Setup, SmtpSink, eventually, free_port, seconds, smtp_provider,
};

#[tokio::test]
async fn an_unavailable_provider_fails_over_at_once() {
    // A retry by the delay would come after at least a minute.
    let setup = Setup::embedded().set("RETRY_BASE_SECONDS", "120");
    let (server, recorder) = (setup.start().await, MailRecorder::start(0));
    let admin = server.admin().await;
    let works = smtp_provider(&admin, recorder.port, 2).await;
    let dead = json!({"name": "dead", "type": "smtp", "host": "127.0.0.1", "port": free_port(),
        "active": 1, "settings": {"tls": "none", "from_domain": "sender.example"}});
    let dead = admin.post("/providers", dead).await.id("provider_id");
    let mailing = Mailing::new(&admin).await;
    let mut failed_over = 0;
    for n in 0..4 {
        let transmission = mailing.send_to(&format!("over{n}@example.com")).await;
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
        let attempts = mailing.attempts(transmission).await;
        assert_eq!(attempts.last().unwrap()["provider_id"], works);
        if attempts.len() == 2 {
            failed_over += 1;
            assert_eq!(attempts[0]["provider_id"], dead, "though it never started");
        }
    }
    assert_eq!(failed_over, 2, "half of them");
    assert_eq!(recorder.count(), 4);
}

#[tokio::test]
async fn a_provider_that_keeps_failing_rests_is_probed_and_works_again() {
    let setup = Setup::embedded().set("RETRY_BASE_SECONDS", "1");
    let server = setup.start().await;
    let admin = server.admin().await;
    let port = free_port();
    let provider = smtp_provider(&admin, port, 1).await;
    let mailing = Mailing::new(&admin).await;
    let mut transmissions = Vec::new();
    for n in 0..10 {
        transmissions.push(mailing.send_to(&format!("patient{n}@example.com")).await);
    }
    let path = format!("/providers/{provider}/status");
    let resting = eventually("it rests", seconds(20), async || {
        let status = admin.get(&path).await.ok();
        (status["state"] == "resting").then_some(status)
    })
    .await;
    let seen = clock::now();
    assert!(resting["failures"].as_i64().unwrap() >= 5, "{resting}");
    assert!(resting["resting_until"].is_i64(), "{resting}");
    assert!(resting["unavailable"].as_i64().unwrap() >= 5, "{resting}");
    let metrics = admin.get("/metrics").await.text();
    let gauge = format!("ledgerline_provider_resting{{provider=\"{provider}\"}} 1");
    assert!(metrics.contains(&gauge), "{metrics}");

    // While the breaker is open no attempt is used up, except one that was in flight.
    let until = resting["resting_until"].as_i64().unwrap();
    tokio::time::sleep(seconds(2)).await;
    let sql = "select count(*) from events where event_type = 'SpoolFailed'
               and occurred_at > $1 and occurred_at < to_timestamp($2)";
    let used: i64 = query_scalar(sql)
        .bind(seen)
        .bind(until as f64)
        .fetch_one(EventLog::open(&server).await.sql())
        .await
        .unwrap();
    assert!(used <= 1, "{used} attempts from {seen} until {until}");

    let sink = SmtpSink::on(port).await;
    for transmission in transmissions {
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }
    assert_eq!(sink.mails().len(), 10);
    eventually("it works", seconds(10), async || {
        let status = admin.get(&path).await.ok();
        (status["state"] == "working" && status["failures"] == 0).then_some(())
    })
    .await;
}
