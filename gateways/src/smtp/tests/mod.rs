//! The adapter against real mail servers, smtp-sink and aiosmtpd; `outcomes` tests the table.

mod letters;
mod outcomes;
pub(crate) mod peers;
mod reuse;
mod secrecy;
mod signatures;
mod sink;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::delivery::{Outcome, SenderAddress, SenderRight, settings::SmtpSettings};

use self::peers::{Aiosmtpd, Log, Sink};
use super::{SmtpConfig, SmtpGateway};
use crate::{
    Content, Ended, Gateway, Report,
    contract_suite::{self, Peer, PeerBehaviour, Stage, Starts},
    email::Email,
};

/// A clock that always shows 2026-01-02 03:04:05 UTC.
fn clock() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_323_045, 0).unwrap()
}

fn config(port: u16) -> SmtpConfig {
    let settings = SmtpSettings {
        timeout_seconds: 60,
        connections: 4,
        ..SmtpSettings::default()
    };
    let server = ("127.0.0.1".to_owned(), port);
    SmtpConfig::new(
        domain::Id::new(1),
        server,
        settings,
        "sender.example",
        b"key".to_vec().into(),
    )
}

fn gateway(config: SmtpConfig) -> SmtpGateway {
    SmtpGateway::new(config, clock).unwrap()
}

/// A sender address that the account has a right to.
fn granted(address: &str) -> Option<SenderAddress> {
    owned(address, SenderRight::Granted)
}

fn owned(address: &str, right: SenderRight) -> Option<SenderAddress> {
    let address = address.to_owned();
    Some(SenderAddress { address, right })
}

fn email() -> Email {
    Email {
        from: granted("desk@sender.example"),
        from_name: Some("Desk".to_owned()),
        to_name: Some("Ada".to_owned()),
        subject: "Hello".to_owned(),
        html: Some("<p>Hello</p>".to_owned()),
        text: "Hello".to_owned(),
        attachments: Vec::new(),
    }
}

/// A time-out longer than any answer takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// Makes one attempt with more time than it needs.
async fn send(gateway: &SmtpGateway, to: &str, email: Email) -> Report {
    send_within(gateway, to, email, 2 * LONG).await
}

async fn send_within(gateway: &SmtpGateway, to: &str, email: Email, time: Duration) -> Report {
    let spool = contract_suite::spool(7, to, Content::Email(Box::new(email)), time);
    match gateway.attempt(&spool, &Starts::default()).await {
        Ended::Reported(report) => report,
        other => panic!("nothing was reported: {other:?}"),
    }
}

struct SmtpPeer;

impl SmtpPeer {
    fn aiosmtpd(local_part: &str) -> Stage {
        let peer = Aiosmtpd::start(&[]);
        let (heard, taken): (Log, Log) = (peer.log().clone(), peer.log().clone());
        Stage {
            gateway: Arc::new(gateway(config(peer.port))),
            destination: format!("{local_part}@peer.test"),
            content: Content::Email(Box::new(email())),
            heard: Box::new(move || heard.all("mail").len()),
            taken: Box::new(move || taken.all("taken").len()),
            _kept: Box::new(peer),
        }
    }
}

#[async_trait]
impl Peer for SmtpPeer {
    async fn stage(&self, behaviour: PeerBehaviour) -> Option<Stage> {
        Some(match behaviour {
            PeerBehaviour::Takes => Self::aiosmtpd("ok"),
            PeerBehaviour::Refuses => Self::aiosmtpd("refuse"),
            // A mail server is never busy in a way that differs from unavailable.
            PeerBehaviour::Unanswering => return None,
            PeerBehaviour::Away => {
                let port = Sink::start(&[]).port;
                Stage {
                    gateway: Arc::new(gateway(config(port))),
                    ..Self::aiosmtpd("ok")
                }
            }
            PeerBehaviour::Vanishes => Self::aiosmtpd("swallow"),
            PeerBehaviour::Hangs => Self::aiosmtpd("hang"),
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smtp_keeps_the_contract_of_all_adapters() {
    contract_suite::run(&SmtpPeer).await;
}

#[tokio::test]
async fn a_report_carries_the_servers_words_and_a_row_for_each_reader() {
    let peer = Aiosmtpd::start(&[]);
    let gateway = gateway(config(peer.port));
    let report = send(&gateway, "ok@peer.test", email()).await;
    assert_eq!(report.outcome, Outcome::Delivered);
    assert_eq!(report.response, "250 2.0.0 taken as ok@peer.test");
    let rows = |report: &Report| -> Vec<String> {
        let rows = report.results.iter();
        rows.map(|row| format!("{} {} {}", row.kind.as_str(), row.name, row.data))
            .collect()
    };
    assert_eq!(
        rows(&report),
        [
            "application email_send success",
            "info smtp 250 2.0.0 taken as ok@peer.test"
        ]
    );
    let report = send(&gateway, "refuse@peer.test", email()).await;
    assert_eq!(
        rows(&report),
        [
            "application email_send failed",
            "error smtp 550 5.1.1 <refuse@peer.test> is not here"
        ]
    );
}
