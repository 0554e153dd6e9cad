//! Further faults of smtp-sink: answers of its own, slowness, few connections, an early end,
//! and faults between two mails.

use std::time::Duration;

use domain::delivery::Outcome::{Delivered, Rejected, Unavailable, Unknown};
use futures::future::{join, join_all};

use super::{config, email, gateway, peers::Sink, send};
use crate::{Gateway, Report, smtp::SmtpGateway};

fn patient(sink: &Sink, seconds: u64) -> SmtpGateway {
    let mut config = config(sink.port);
    config.timeout = Duration::from_secs(seconds);
    gateway(config)
}

async fn once(gateway: &SmtpGateway) -> Report {
    send(gateway, "ada@example.com", email()).await
}

/// Sends a mail that is larger than all buffers on the way.
async fn much(gateway: &SmtpGateway) -> Report {
    let mut email = email();
    email.text = "a line of the message\n".repeat(400_000);
    send(gateway, "ada@example.com", email).await
}

#[tokio::test]
async fn the_servers_own_words_are_kept_and_its_code_counts() {
    for (flags, outcome, words) in [
        (
            ["-b", "451 4.7.1 come back", "-r", "RCPT"],
            Unavailable,
            "451 4.7.1 come back",
        ),
        (
            ["-b", "452 4.2.2 full", "-r", "."],
            Unavailable,
            "452 4.2.2 full",
        ),
        (
            ["-B", "554 5.7.1 not you", "-f", "MAIL"],
            Rejected,
            "554 5.7.1 not you",
        ),
        (
            ["-B", "550 5.1.1 nobody", "-f", "RCPT"],
            Rejected,
            "550 5.1.1 nobody",
        ),
    ] {
        let sink = Sink::start(&flags);
        let report = once(&patient(&sink, 60)).await;
        assert_eq!(
            (report.outcome, &*report.response),
            (outcome, words),
            "{flags:?}"
        );
    }
}

#[tokio::test]
async fn a_server_may_take_its_time_within_the_patience() {
    for flags in [&["-w", "1"][..], &["-p", "-W", "MAIL:1"], &["-W", ".:1"]] {
        let sink = Sink::start(flags);
        let report = once(&patient(&sink, 60)).await;
        assert_eq!(report.outcome, Delivered, "{flags:?}: {}", report.response);
    }
    let sink = Sink::start(&["-H", "1", "-T", "1024"]);
    let report = much(&patient(&sink, 60)).await;
    assert_eq!(report.outcome, Delivered, "{}", report.response);
}

#[tokio::test]
async fn a_server_that_asks_for_a_mail_and_does_not_read_it_leaves_a_doubt() {
    let sink = Sink::start(&["-H", "600", "-T", "1024"]);
    let report = much(&patient(&sink, 5)).await;
    assert_eq!(report.outcome, Unknown, "{}", report.response);
    let sink = Sink::start(&["-p", "-w", "600"]);
    let report = once(&patient(&sink, 5)).await;
    assert_eq!(report.outcome, Unavailable, "{}", report.response);
}

#[tokio::test]
async fn a_server_that_hangs_up_on_the_idle_is_connected_to_again() {
    let sink = Sink::start(&["-t", "1"]);
    let gateway = patient(&sink, 60);
    for _ in 0..2 {
        let report = once(&gateway).await;
        assert_eq!(report.outcome, Delivered, "{}", report.response);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
}

#[tokio::test]
async fn a_connection_kept_waiting_is_unavailable() {
    let sink = Sink::start(&["-m", "1", "-W", ".:1"]);
    let gateway = patient(&sink, 10);
    let (one, other) = join(once(&gateway), once(&gateway)).await;
    let mut outcomes = [one.outcome, other.outcome];
    outcomes.sort_by_key(|outcome| *outcome != Delivered);
    assert_eq!(outcomes, [Delivered, Unavailable], "{one:?} {other:?}");
}

#[tokio::test]
async fn a_server_that_ends_after_some_mails_is_unavailable_for_the_next() {
    let sink = Sink::start(&["-M", "2"]);
    let gateway = patient(&sink, 60);
    assert_eq!(once(&gateway).await.outcome, Delivered);
    // The answer to the last mail may be lost when the server ends.
    let second = once(&gateway).await;
    assert!([Delivered, Unknown].contains(&second.outcome), "{second:?}");
    let third = once(&gateway).await;
    assert_eq!(third.outcome, Unavailable, "{third:?}");
}

#[tokio::test]
async fn trouble_between_two_mails_harms_neither() {
    join_all(["-f", "-r", "-q", "-Q"].map(trouble_between_two)).await;
}

async fn trouble_between_two(fault: &str) {
    let sink = Sink::start(&["-r", "RCPT", fault, "RSET"]);
    let gateway = patient(&sink, 60);
    for _ in 0..2 {
        let report = once(&gateway).await;
        assert_eq!(report.outcome, Unavailable, "{fault} RSET: {report:?}");
    }
    let sink = Sink::start(&[fault, "NOOP"]);
    let gateway = patient(&sink, 60);
    assert_eq!(once(&gateway).await.outcome, Delivered);
    // Long enough that the connection is probed.
    tokio::time::sleep(Duration::from_millis(5_200)).await;
    let report = once(&gateway).await;
    assert_eq!(report.outcome, Delivered, "{fault} NOOP: {report:?}");
}

#[tokio::test]
async fn a_goodbye_without_an_answer_holds_nobody_up() {
    for flags in [&["-W", "QUIT:600"][..], &["-q", "QUIT"], &["-f", "QUIT"]] {
        let sink = Sink::start(flags);
        let gateway = patient(&sink, 60);
        assert_eq!(once(&gateway).await.outcome, Delivered);
        let closing = tokio::time::timeout(Duration::from_secs(180), gateway.close());
        assert!(closing.await.is_ok(), "{flags:?}");
    }
}
