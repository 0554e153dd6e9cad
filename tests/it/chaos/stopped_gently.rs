//! SIGTERM.

use crate::harness::{
    Database, EventLog, MailRecorder, Mailing, Setup, eventually, seconds, smtp_provider,
};

#[tokio::test]
async fn sigterm_finishes_what_is_on_the_wire_and_leaves_the_rest_for_later() {
    let setup = Setup::on(&Database::create().await).set("LEASE_SECONDS", "2");
    let (mut server, recorder) = (setup.start().await, MailRecorder::start(1_000));
    let admin = server.admin().await;
    smtp_provider(&admin, recorder.port, 4).await;
    let mailing = Mailing::of(&admin).await;
    let mut transmissions = Vec::new();
    for n in 0..24 {
        transmissions.push(mailing.send_to(&format!("term{n}@example.com")).await);
    }
    let mut log = EventLog::of(&server).await;
    eventually("mails are on the wire", seconds(10), async || {
        (!log.on_the_wire(0).await.is_empty()).then_some(())
    })
    .await;
    let before = recorder.count();

    let ended = server.sigterm(seconds(10));

    assert!(ended.success(), "{ended}");
    assert_eq!(
        log.on_the_wire(0).await,
        Vec::<i64>::new(),
        "what was on the wire is finished"
    );
    assert_eq!(log.count("SpoolOutcomeUnknown").await, 0);
    let completed = log.count("SpoolCompleted").await;
    assert_eq!(completed as usize, recorder.count());
    assert!(
        recorder.count() > before && completed < 24,
        "{before}, then {completed} of 24"
    );

    server.start().await;
    for transmission in transmissions {
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }
    assert_eq!(recorder.count(), 24);
}

#[tokio::test]
async fn sigterm_stops_the_embedded_postgres_too() {
    let mut server = Setup::embedded().start().await;
    server.admin().await.contact("bye@example.com").await;
    let options = server.database();
    assert!(server.sigterm(seconds(10)).success());
    let refused = <sqlx::PgConnection as sqlx::Connection>::connect_with(&options).await;
    assert!(refused.is_err(), "Postgres still answers");
}

#[tokio::test]
async fn a_hanging_mail_server_does_not_keep_it_from_stopping() {
    let setup = Setup::on(&Database::create().await).set("LEASE_SECONDS", "2");
    let (mut server, recorder) = (setup.start().await, MailRecorder::start(0));
    let admin = server.admin().await;
    let provider = smtp_provider(&admin, recorder.port, 2).await;
    let patient =
        serde_json::json!({"settings": {"tls": "none", "connections": 2, "timeout_seconds": 300}});
    admin
        .put(&format!("/providers/{provider}"), patient)
        .await
        .ok();
    let mailing = Mailing::of(&admin).await;
    let transmission = mailing.send_to("hang@example.com").await;
    let mut log = EventLog::of(&server).await;
    eventually("the mail hangs", seconds(10), async || {
        (!log.on_the_wire(0).await.is_empty()).then_some(())
    })
    .await;

    server.sigterm(seconds(10));

    server.start().await;
    assert_eq!(mailing.ended(transmission).await["outcome"], "unknown");
}
