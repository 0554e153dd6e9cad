//! The outcomes of every way in which a server can fail.

use std::time::Duration;

use domain::delivery::Outcome::{self, Delivered, Rejected, Unavailable, Unknown};

use super::{
    LONG, config, email, gateway,
    peers::{Aiosmtpd, Scripted, Sink},
    send,
};

async fn sink(flags: &[&str]) -> (Outcome, String, bool) {
    sink_within(LONG, flags).await
}

/// Sends a mail to smtp-sink with these flags, with this time-out for each answer.
async fn sink_within(timeout: Duration, flags: &[&str]) -> (Outcome, String, bool) {
    let sink = Sink::start(flags);
    let mut config = config(sink.port);
    config.timeout = timeout;
    let report = send(&gateway(config), "ada@example.com", email()).await;
    (report.outcome, report.response, report.connected)
}

#[tokio::test]
async fn smtp_sink_takes_a_mail() {
    for flags in [&[][..], &["-p"], &["-8"], &["-E"], &["-P", "-a"]] {
        let (outcome, words, connected) = sink(flags).await;
        // With -P the server knows no EHLO, which this adapter requires.
        let expected = if flags.contains(&"-P") {
            Unavailable
        } else {
            Delivered
        };
        assert_eq!(
            (outcome, connected),
            (expected, expected == Delivered),
            "{flags:?}: {words}"
        );
    }
}

#[tokio::test]
async fn a_5xx_is_final_once_the_mail_is_spoken_of() {
    for command in ["MAIL", "RCPT", "DATA", "."] {
        let (outcome, words, connected) = sink(&["-f", command]).await;
        assert_eq!((outcome, connected), (Rejected, true), "{command}: {words}");
        assert_eq!(words, "500 5.3.0 Error: command failed");
    }
    for command in ["CONNECT", "EHLO"] {
        let (outcome, words, connected) = sink(&["-f", command]).await;
        assert_eq!(
            (outcome, connected),
            (Unavailable, false),
            "{command}: {words}"
        );
        assert!(
            words.starts_with("500 5.3.0 Error: command failed (while "),
            "{words}"
        );
    }
}

#[tokio::test]
async fn a_4xx_is_tried_again() {
    for command in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."] {
        let (outcome, words, _) = sink(&["-r", command]).await;
        assert_eq!(outcome, Unavailable, "{command}: {words}");
        assert!(
            words.starts_with("450 4.3.0 Error: command failed"),
            "{words}"
        );
        let (outcome, words, _) = sink(&["-Q", command]).await;
        assert_eq!(outcome, Unavailable, "421 to {command}: {words}");
        assert!(words.starts_with("421 "), "{words}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_leaves_a_doubt_only_after_it_asked_for_the_message() {
    for command in ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"] {
        for flags in [&["-q", command][..], &["-p", "-q", command]] {
            let (outcome, words, _) = sink(flags).await;
            assert_eq!(outcome, Unavailable, "{flags:?}: {words}");
        }
    }
    let (outcome, words, connected) = sink(&["-q", "."]).await;
    assert_eq!((outcome, connected), (Unknown, true), "{words}");
}

#[tokio::test]
async fn a_server_that_falls_silent_leaves_a_doubt_only_after_it_asked_for_the_message() {
    let silent = [
        ("CONNECT", "greeting"),
        ("EHLO", "greeting"),
        ("MAIL", "MAIL"),
        ("RCPT", "RCPT"),
        ("DATA", "DATA"),
    ]
    .map(|(command, step)| async move {
        let outcome = silent_at(&format!("{command}:600"), step, &["-p"]).await;
        assert_eq!(outcome, Unavailable, "{command}");
    });
    futures::future::join_all(silent).await;
    let outcome = silent_at(".:600", "the message", &[]).await;
    assert_eq!(outcome, Unknown);
}

/// The outcome of a mail to a server that falls silent at this step. The steps before it may take
/// longer than the time-out on a busy machine: then the same is tried with more time.
async fn silent_at(silence: &str, step: &str, flags: &[&str]) -> Outcome {
    let mut timeout = Duration::from_secs(2);
    loop {
        let flags = [flags, &["-W", silence]].concat();
        let (outcome, words, _) = sink_within(timeout, &flags).await;
        let expected = format!("no answer within {:.1} s at {step}", timeout.as_secs_f32());
        if words == expected {
            return outcome;
        }
        assert!(timeout < Duration::from_secs(120), "{silence}: {words}");
        assert!(words.starts_with("no answer within "), "{silence}: {words}");
        timeout *= 2;
    }
}

#[tokio::test]
async fn a_message_that_is_cut_off_half_way_is_unknown() {
    let peer = Aiosmtpd::start(&[]);
    let mut long = email();
    long.text = "a line of the message\n".repeat(80_000);
    for email in [email(), long] {
        let report = send(&gateway(config(peer.port)), "vanish@peer.test", email).await;
        assert_eq!(report.outcome, Unknown, "{}", report.response);
    }
    assert!(peer.log().all("taken").is_empty());
}

#[tokio::test]
async fn a_server_that_says_no_before_it_has_read_everything_is_heard() {
    let (outcome, words, _) = sink(&["-A", "0"]).await;
    assert_eq!(
        (outcome, words.get(..3)),
        (Rejected, Some("550")),
        "{words}"
    );
    let peer = Aiosmtpd::start(&[]);
    let report = send(&gateway(config(peer.port)), "no-mail@peer.test", email()).await;
    assert_eq!(
        (report.outcome, report.response.as_str()),
        (Rejected, "554 5.7.1 not this one")
    );
}

#[tokio::test]
async fn a_greylisted_mail_goes_through_the_next_time() {
    let peer = Aiosmtpd::start(&[]);
    let gateway = gateway(config(peer.port));
    assert_eq!(
        send(&gateway, "grey@peer.test", email()).await.outcome,
        Unavailable
    );
    assert_eq!(
        send(&gateway, "grey@peer.test", email()).await.outcome,
        Delivered
    );
    peer.log().has("connected", 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let port = Sink::start(&[]).port;
    let report = send(&gateway(config(port)), "ada@example.com", email()).await;
    assert_eq!((report.outcome, report.connected), (Unavailable, false));
    assert!(report.response.contains("refused"), "{}", report.response);
    let mut nowhere = config(25);
    nowhere.host = "nowhere.invalid".to_owned();
    let report = send(&gateway(nowhere), "ada@example.com", email()).await;
    assert_eq!(report.outcome, Unavailable, "{}", report.response);
}

fn greeting(line: &str) -> Option<&'static str> {
    match &line[..line.len().min(4)] {
        "CONN" => Some("220 here\r\n"),
        "EHLO" => Some("250-here\r\n250 8BITMIME\r\n"),
        _ => Some("250 yes\r\n"),
    }
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_unavailable_and_does_no_harm() {
    type Answer = fn(&str) -> Option<&'static str>;
    let cases: [(&str, Answer); 8] = [
        ("garbage", |_| Some("\u{fffd}what?\r\n")),
        ("a blank line in EHLO", |line| match line {
            "CONNECT" => Some("220 here\r\n"),
            _ => Some("250-here\r\n250-   \r\n250 PIPELINING\r\n"),
        }),
        ("nothing in EHLO", |line| match line {
            "CONNECT" => Some("220 here\r\n"),
            _ => Some("250 \r\n"),
        }),
        ("codes that differ", |_| Some("250-a\r\n251 b\r\n")),
        ("an endless line", |_| {
            Some(Box::leak(
                format!("220 {}", "x".repeat(5_000)).into_boxed_str(),
            ))
        }),
        ("354 to MAIL", |line| match line.get(..4) {
            Some("MAIL") => Some("354 already?\r\n"),
            _ => greeting(line),
        }),
        ("250 to DATA", greeting),
        ("a code of 9xx", |line| match line.get(..4) {
            Some("RCPT") => Some("999 what\r\n"),
            _ => greeting(line),
        }),
    ];
    for (case, answer) in cases {
        let peer = Scripted::start(answer);
        let mut config = config(peer.port);
        // Some of these answers never end.
        config.timeout = Duration::from_secs(3);
        let report = send(&gateway(config), "ada@example.com", email()).await;
        assert_eq!(report.outcome, Unavailable, "{case}: {}", report.response);
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_mail_without_recipients_does_not_get_one() {
    let peer = Scripted::start(|line| match line.get(..4) {
        Some("EHLO") => Some("250-here\r\n250 PIPELINING\r\n"),
        Some("RCPT") => Some("550 nobody\r\n"),
        Some("DATA") => Some("354 go on\r\n"),
        _ => greeting(line),
    });
    let report = send(&gateway(config(peer.port)), "ada@example.com", email()).await;
    assert_eq!(
        (report.outcome, report.response.as_str()),
        (Rejected, "550 nobody")
    );
    let heard = peer.heard.lock().unwrap();
    assert_eq!(heard.last().unwrap(), "DATA", "{heard:?}");
}

#[tokio::test]
async fn a_mail_larger_than_the_server_takes_is_refused_before_it_is_sent() {
    let peer = Aiosmtpd::start(&[]);
    let mut large = email();
    large.text = "0123456789\n".repeat(250_000);
    let report = send(&gateway(config(peer.port)), "ok@peer.test", large).await;
    assert_eq!((report.outcome, report.connected), (Rejected, false));
    assert!(
        report.response.contains("the mail server takes 2000000"),
        "{}",
        report.response
    );
}

#[tokio::test]
async fn health_tells_the_server_from_the_recipient_and_names_nobody() {
    let peer = Aiosmtpd::start(&[]);
    let gateway = gateway(config(peer.port));
    use crate::Gateway;
    assert_eq!(gateway.health(), crate::Health::default());
    send(&gateway, "refuse@peer.test", email()).await;
    assert_eq!(
        (gateway.health().reachable, gateway.health().last_error),
        (Some(true), None)
    );
    send(&gateway, "vanish@peer.test", email()).await;
    let health = gateway.health();
    assert_eq!(health.reachable, Some(false));
    assert_eq!(
        health.last_error.as_deref(),
        Some("the message: connection failed")
    );
}
