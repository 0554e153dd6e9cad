//! Graceful shutdown on SIGTERM.

use std::{net::TcpStream, time::Duration};

use nix::sys::signal::Signal;

use crate::harness::{
    Database, EventLog, MailRecorder, Mailing, Server, Setup, TIMEOUT, eventually,
    every_event_names_its_causes, seconds, smtp_provider,
};

const MAILS: usize = 40;
const CONNECTIONS: usize = 4;

/// Sends SIGTERM to a server, and waits until it accepts no connections any more.
async fn told_to_stop(server: &Server) {
    server.signal(Signal::SIGTERM);
    let address = server.url.strip_prefix("http://").unwrap();
    eventually("it takes no requests any more", TIMEOUT, async || {
        TcpStream::connect(address).err()
    })
    .await;
}

#[tokio::test]
async fn sigterm_finishes_what_is_on_the_wire_and_leaves_the_rest_for_later() {
    let setup = Setup::on(&Database::create().await).set("LEASE_SECONDS", "60");
    let (mut server, recorder) = (setup.start().await, MailRecorder::start(0));
    let admin = server.admin().await;
    smtp_provider(&admin, recorder.port, CONNECTIONS as u32).await;
    let mailing = Mailing::new(&admin).await;
    recorder.hold_after(0);
    let mut transmissions = Vec::new();
    for n in 0..MAILS {
        transmissions.push(mailing.send_to(&format!("term{n}@example.com")).await);
    }
    recorder.holds(CONNECTIONS).await;
    let mut log = EventLog::open(&server).await;

    told_to_stop(&server).await;
    // Some more attempts may start until its worker stops; all that have started must end.
    while !server.has_ended() {
        recorder.answer_held();
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let ended = server.stopped(TIMEOUT);
    recorder.release();

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
        (CONNECTIONS..MAILS).contains(&recorder.count()),
        "{completed} of {MAILS}"
    );

    server.start().await;
    for transmission in transmissions {
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }
    assert_eq!(recorder.count(), MAILS);
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
    let mailing = Mailing::new(&admin).await;
    let transmission = mailing.send_to("hang@example.com").await;
    let mut log = EventLog::open(&server).await;
    eventually("the mail hangs", seconds(10), async || {
        (!log.on_the_wire(0).await.is_empty()).then_some(())
    })
    .await;

    server.sigterm(seconds(10));

    let is_recorded = "its end is on record when the server has stopped";
    assert_eq!(log.count("SpoolOutcomeUnknown").await, 1, "{is_recorded}");
    server.start().await;
    assert_eq!(mailing.ended(transmission).await["outcome"], "unknown");
    assert_eq!(log.count("SpoolOutcomeUnknown").await, 1);
    every_event_names_its_causes(&server).await;
}
