//! The outcomes of a message centre's behaviour.

use std::time::{Duration, Instant};

use domain::delivery::{OnReportTimeout, Outcome};

use super::*;
use crate::smtp::tests::peers::Certificates;

#[tokio::test]
async fn what_is_taken_is_known_by_its_id_and_reported_later() {
    let centre = Centre::start(&json!({"password": "s3same"}));
    let settings = json!({"report_seconds": 60, "if_silent": "delivered"});
    let gateway = gateway(centre.port, settings);
    let kept = Arc::new(Kept::default());
    gateway.listen(Arc::clone(&kept) as Arc<dyn Inbox>);
    let Ended::Accepted(accepted) = attempt(&gateway, "+4930900", text("hello")).await else {
        panic!("it is to be reported");
    };
    assert_eq!(accepted.message_id.as_deref(), Some("1"));
    assert_eq!(accepted.report_timeout, Duration::from_secs(60));
    assert_eq!(accepted.if_silent, OnReportTimeout::Delivered);
    let reported = centre.said("reported", 1).await;
    assert_eq!(reported[0]["status"], 0);
    let kept = kept.0.lock().await;
    let (message_id, said) = &kept[0];
    assert_eq!(
        (message_id.as_str(), said.outcome),
        ("1", Outcome::Delivered)
    );
}

#[tokio::test]
async fn a_receipt_that_cannot_be_recorded_is_retried() {
    let centre = Centre::start(&json!({}));
    let gateway = gateway(centre.port, json!({}));
    attempt(&gateway, "+4930900", text("hello")).await;
    let reported = centre.said("reported", 1).await;
    assert_eq!(reported[0]["status"], 0x64);
}

#[tokio::test]
async fn a_throttled_message_is_sent_again_more_slowly() {
    let centre = Centre::start(&json!({}));
    let gateway = gateway(centre.port, json!({"reports": 0}));
    let started = Instant::now();
    let report = reported(attempt(&gateway, "+4930901", text("hello")).await);
    assert_eq!(report.outcome, Outcome::Delivered, "{report:?}");
    assert_eq!(centre.said("submit", 4).await.len(), 4);
    // Each of the three complaints doubled the gap, from 5 ms on.
    assert!(started.elapsed() >= Duration::from_millis(5 + 10 + 20));
    let error = gateway.health().last_error.unwrap();
    assert!(error.contains("ESME_RTHROTTLED"), "{error}");
}

#[tokio::test]
async fn a_message_centre_in_trouble_did_not_take_it() {
    let centre = Centre::start(&json!({}));
    let gateway = gateway(centre.port, json!({}));
    let report = reported(attempt(&gateway, "+4930911", text("hello")).await);
    assert_eq!(report.outcome, Outcome::Unavailable);
    assert!(report.response.contains("ESME_RSYSERR"), "{report:?}");
}

#[tokio::test]
async fn a_message_of_which_parts_were_taken_is_not_sent_again() {
    let centre = Centre::start(&json!({}));
    let gateway = gateway(centre.port, json!({}));
    let long = "a".repeat(400);
    let report = reported(attempt(&gateway, "+4930914", text(&long)).await);
    assert_eq!(report.outcome, Outcome::Rejected);
    let words = "after 2 of 3 parts were taken: ESME_RINVDSTADR";
    assert!(report.response.starts_with(words), "{report:?}");
}

#[tokio::test]
async fn one_who_is_not_let_in_says_so() {
    let centre = Centre::start(&json!({"password": "another"}));
    let gateway = gateway(centre.port, json!({}));
    let report = reported(attempt(&gateway, "+4930900", text("hello")).await);
    assert_eq!(
        (report.outcome, report.connected),
        (Outcome::Unavailable, false)
    );
    assert!(report.response.contains("ESME_RBINDFAIL"), "{report:?}");
    assert!(!report.response.contains("s3same"), "{report:?}");
    assert_eq!(gateway.health().registered, Some(false));
}

#[tokio::test]
async fn a_bind_that_nobody_answers_is_not_to_be_had() {
    let centre = Centre::start(&json!({"silent": true}));
    let gateway = gateway(centre.port, json!({"timeout_seconds": 1}));
    let report = reported(attempt(&gateway, "+4930900", text("hello")).await);
    assert_eq!(report.outcome, Outcome::Unavailable, "{report:?}");
    assert!(
        report.response.contains("did not answer in time"),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_message_centre_that_ends_every_bind_is_bound_to_ever_more_slowly() {
    let centre = Centre::start(&json!({}));
    let gateway = gateway(centre.port, json!({"reports": 0}));
    let first = reported(attempt(&gateway, "+4930900", text("one")).await);
    assert_eq!(first.outcome, Outcome::Delivered);
    let started = Instant::now();
    while centre.all("bind").len() < 4 {
        centre.hang_up();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(started.elapsed() < Duration::from_secs(180), "too slowly");
    }
    // The first bind, and those after pauses of at least 250, 500 and 1,000 ms.
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(1_750), "{took:?}");
    drop(gateway);
}

#[tokio::test]
async fn a_bind_that_is_lost_is_opened_again() {
    let centre = Centre::start(&json!({}));
    let gateway = gateway(centre.port, json!({"reports": 0}));
    let first = reported(attempt(&gateway, "+4930900", text("one")).await);
    assert_eq!(first.outcome, Outcome::Delivered);
    centre.hang_up();
    centre.said("bind", 2).await;
    let second = reported(attempt(&gateway, "+4930900", text("two")).await);
    assert_eq!(second.outcome, Outcome::Delivered, "{second:?}");
}

#[tokio::test]
async fn a_message_centre_that_falls_silent_is_noticed_and_left() {
    let centre = Centre::start(&json!({}));
    let settings = json!({"reports": 0, "enquire_seconds": 5, "timeout_seconds": 4});
    let gateway = gateway(centre.port, settings);
    let first = reported(attempt(&gateway, "+4930910", text("one")).await);
    assert_eq!(first.outcome, Outcome::Unknown, "{first:?}");
    centre.said("bind", 2).await;
    let enquired = centre.all("enquire_link");
    assert!(enquired.iter().any(|it| it["mute"] == true), "{enquired:?}");
}

#[tokio::test]
async fn a_bind_says_goodbye() {
    let centre = Centre::start(&json!({}));
    let gateway = gateway(centre.port, json!({"reports": 0}));
    attempt(&gateway, "+4930900", text("one")).await;
    gateway.close().await;
    centre.said("closed", 1).await;
    let late = reported(attempt(&gateway, "+4930900", text("two")).await);
    assert_eq!(late.outcome, Outcome::Unavailable);
    assert_eq!(centre.all_by_now("submit").await.len(), 1);
}

#[tokio::test]
async fn credentials_that_do_not_fit_are_named() {
    let mut config = config(1, json!({}));
    config.password = Some(SecretString::from("far too long"));
    let Err(reason) = SmppGateway::new(config) else {
        panic!("SMPP has no room for it");
    };
    assert!(reason.contains("at most 8"), "{reason}");
    assert!(!reason.contains("far too long"), "{reason}");
}

#[tokio::test]
async fn a_connection_is_encrypted_for_an_authority_that_is_known_only() {
    let certificates = Certificates::make("smpp");
    let files = json!({
        "key": certificates.file("key.pem"), "cert": certificates.file("certificate.pem"),
    });
    let centre = Centre::start(&json!({"tls": files}));
    let settings = json!({
        "reports": 0, "tls": 1, "ca_certificate": certificates.authority(),
    });
    let known = gateway(centre.port, settings);
    let report = reported(attempt(&known, "+4930900", text("hello")).await);
    assert_eq!(report.outcome, Outcome::Delivered, "{report:?}");
    let stranger = gateway(centre.port, json!({"reports": 0, "tls": 1}));
    let report = reported(attempt(&stranger, "+4930900", text("hello")).await);
    assert_eq!(report.outcome, Outcome::Unavailable, "{report:?}");
    assert!(report.response.contains("certificate"), "{report:?}");
    assert_eq!(centre.all_by_now("bind").await.len(), 1);
}
