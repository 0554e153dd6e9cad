//! Connections are kept and reused, and replaced when they are broken.

use std::time::Duration;

use domain::delivery::Outcome::{Delivered, Rejected, Unknown};

use super::{
    config, email, gateway,
    peers::{Aiosmtpd, Scripted, Sink},
    send, send_within,
};
use crate::{
    Content, Ended, Gateway,
    contract_suite::{self, Starts},
};

#[tokio::test]
async fn one_connection_serves_many_mails_also_after_refusals() {
    let peer = Aiosmtpd::start(&[]);
    let gateway = gateway(config(peer.port));
    for to in ["ok", "refuse", "ok", "no-mail", "ok", "grey", "grey", "ok"] {
        send(&gateway, &format!("{to}@peer.test"), email()).await;
    }
    peer.log().has("connected", 1);
    peer.log().has("taken", 5);
}

#[tokio::test]
async fn one_domain_has_so_many_connections_and_the_others_do_not_wait() {
    let peer = Aiosmtpd::start(&[]);
    let mut config = config(peer.port);
    (config.connections, config.domain_connections) = (8, Some(1));
    let gateway = gateway(config);
    let to = |domain| send(&gateway, domain, email());
    let all = [
        to("slow@one.test"),
        to("slow@ONE.test"),
        to("slow@two.test"),
    ];
    let started = std::time::Instant::now();
    for report in futures::future::join_all(all).await {
        assert_eq!(report.outcome, Delivered, "{report:?}");
    }
    // The mails to one domain take a second each, one after the other.
    assert!(started.elapsed() >= Duration::from_secs(2));
    peer.log().has("connected", 2);
}

#[tokio::test]
async fn a_connection_that_broke_is_not_used_again() {
    let peer = Aiosmtpd::start(&[]);
    let gateway = gateway(config(peer.port));
    for to in ["vanish", "swallow"] {
        let report = send(&gateway, &format!("{to}@peer.test"), email()).await;
        assert_eq!(report.outcome, Unknown);
        assert_eq!(
            send(&gateway, "ok@peer.test", email()).await.outcome,
            Delivered
        );
    }
    peer.log().has("connected", 3);
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_not_taken_for_the_next_mails() {
    let peer = Aiosmtpd::start(&[]);
    let gateway = gateway(config(peer.port));
    // Long enough to get to the message on a busy machine; its answer takes even longer.
    let time = Duration::from_secs(5);
    let report = send_within(&gateway, "late@peer.test", email(), time).await;
    assert_eq!(report.outcome, Unknown, "{}", report.response);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let report = send(&gateway, "ok@peer.test", email()).await;
    assert_eq!(report.response, "250 2.0.0 taken as ok@peer.test");
    peer.log().has("connected", 2);
}

#[tokio::test]
async fn a_server_that_was_restarted_between_two_mails_gets_both() {
    let sink = Sink::start(&[]);
    let port = sink.port;
    let gateway = gateway(config(port));
    for _ in 0..3 {
        assert_eq!(
            send(&gateway, "ada@example.com", email()).await.outcome,
            Delivered
        );
    }
    drop(sink);
    let _sink = Sink::start_on(port, &[]);
    assert_eq!(
        send(&gateway, "ada@example.com", email()).await.outcome,
        Delivered
    );
}

#[tokio::test]
async fn a_connection_that_the_server_closed_for_idleness_is_replaced() {
    let peer = Aiosmtpd::start(&["--idle", "2"]);
    let gateway = gateway(config(peer.port));
    for _ in 0..3 {
        assert_eq!(
            send(&gateway, "ok@peer.test", email()).await.outcome,
            Delivered
        );
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    peer.log().has("connected", 3);
}

#[tokio::test]
async fn a_connection_idle_for_long_is_probed_before_it_is_used() {
    let peer = Scripted::start(|line| match line.get(..4) {
        Some("CONN") => Some("220 here\r\n"),
        Some("EHLO" | "MAIL" | "RCPT") => Some("250 yes\r\n"),
        Some("DATA") => Some("354 go on\r\n"),
        Some("NOOP") => None,
        _ if line == "." => Some("250 taken\r\n"),
        _ => Some(""),
    });
    let gateway = gateway(config(peer.port));
    assert_eq!(
        send(&gateway, "ada@example.com", email()).await.outcome,
        Delivered
    );
    tokio::time::sleep(Duration::from_millis(5_200)).await;
    // The server hangs up on the probe, so the mail is sent on a new connection.
    assert_eq!(
        send(&gateway, "ada@example.com", email()).await.outcome,
        Delivered
    );
    let heard = peer.heard.lock().unwrap();
    assert_eq!(heard.iter().filter(|line| *line == "NOOP").count(), 1);
    assert_eq!(
        heard.iter().filter(|line| line.starts_with("MAIL")).count(),
        2
    );
}

#[tokio::test]
async fn a_refused_mail_is_followed_by_rset() {
    let sink = Sink::start(&["-f", "RCPT"]);
    let gateway = gateway(config(sink.port));
    for _ in 0..5 {
        let report = send(&gateway, "ada@example.com", email()).await;
        assert_eq!(
            (report.outcome, report.response.as_str()),
            (Rejected, "500 5.3.0 Error: command failed")
        );
    }
}

#[tokio::test]
async fn no_more_connections_are_opened_than_configured() {
    let peer = Aiosmtpd::start(&[]);
    let mut config = config(peer.port);
    config.connections = 2;
    let gateway = gateway(config);
    assert_eq!(gateway.channels(), 2);
    let sends = (0..20).map(|_| send(&gateway, "ok@peer.test", email()));
    for report in futures::future::join_all(sends).await {
        assert_eq!(report.outcome, Delivered);
    }
    peer.log().has("taken", 20);
    peer.log().has("connected", 2);
}

#[tokio::test]
async fn a_mail_waiting_for_a_domain_frees_its_channel() {
    let peer = Aiosmtpd::start(&[]);
    let mut config = config(peer.port);
    (config.connections, config.domain_connections) = (2, Some(1));
    let gateway = gateway(config);
    let attempt = |id| {
        let content = Content::Email(Box::new(email()));
        contract_suite::spool(id, "hang@one.test", content, Duration::from_secs(20))
    };
    let (first, second) = (attempt(1), attempt(2));
    let starts = Starts::default();
    let (first, second) = tokio::join!(
        gateway.attempt(&first, &starts),
        gateway.attempt(&second, &starts)
    );
    assert!(matches!(first, Ended::Reported(_)), "{first:?}");
    assert_eq!(second, Ended::NoRoom);
    assert_eq!(starts.seen(), 1);
}
