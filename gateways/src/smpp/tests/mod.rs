mod outcomes;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    Id,
    delivery::{Provider, SenderAddress, SenderRight, settings::SmppSettings},
    outreach::{
        TextClass,
        sms::{Encoding, Sms as Encoded},
    },
};
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::Centre;
use tokio::sync::Mutex;

use super::{SmppConfig, SmppGateway};
use crate::{
    Content, Ended, Gateway, InboundAnswer, Report,
    content::Sms,
    contract_suite::{self, Peer, PeerBehaviour, Stage, Starts},
    inbox::{InboundSms, Inbox},
    network::ProviderNetworks,
    reports::ReportedOutcome,
};

fn config(port: u16, settings: Value) -> SmppConfig {
    SmppConfig {
        provider: Id::new(7),
        host: "127.0.0.1".into(),
        port,
        networks: ProviderNetworks::default(),
        username: Some("ledgerline".into()),
        password: Some(SecretString::from("s3same")),
        prefix: None,
        settings: SmppSettings::parse(settings.as_object().unwrap()).unwrap(),
        receiver_lease: None,
    }
}

fn gateway(port: u16, settings: Value) -> SmppGateway {
    SmppGateway::new(config(port, settings)).unwrap()
}

/// A sender that the account has a right to.
fn granted(sender: &str) -> Option<SenderAddress> {
    Some(SenderAddress {
        address: sender.to_owned(),
        right: SenderRight::Granted,
    })
}

fn content(text: &str, asked: Option<Encoding>, class: TextClass) -> Content {
    Content::Sms(Box::new(Sms {
        text: text.to_owned(),
        encoded: Encoded::encode(text, asked).unwrap(),
        class,
        sender: granted("+4930123"),
    }))
}

fn text(text: &str) -> Content {
    content(text, None, TextClass::Off)
}

async fn attempt(gateway: &SmppGateway, to: &str, content: Content) -> Ended {
    let spool = contract_suite::spool(300, to, content, Duration::from_secs(60));
    gateway.attempt(&spool, &Starts::default()).await
}

fn reported(ended: Ended) -> Report {
    match ended {
        Ended::Reported(report) => report,
        other => panic!("{other:?}"),
    }
}

/// An inbox that keeps the delivery receipts.
#[derive(Default)]
struct Kept(Mutex<Vec<(String, ReportedOutcome)>>);

#[async_trait]
impl Inbox for Kept {
    async fn report(
        &self,
        _provider: Id<Provider>,
        message_id: String,
        said: ReportedOutcome,
    ) -> InboundAnswer {
        self.0.lock().await.push((message_id, said));
        InboundAnswer::Ack(None)
    }

    async fn sms(&self, _short: &InboundSms) -> InboundAnswer {
        InboundAnswer::Retry("")
    }

    fn settled(&self, _short: &InboundSms) {}
}

struct SmppPeer;

#[async_trait]
impl Peer for SmppPeer {
    async fn stage(&self, behaviour: PeerBehaviour) -> Option<Stage> {
        let ending = match behaviour {
            // Only a report says whether the recipient answers.
            PeerBehaviour::Unanswering => return None,
            PeerBehaviour::Takes | PeerBehaviour::Away => "900",
            PeerBehaviour::Refuses => "902",
            PeerBehaviour::Vanishes => "903",
            PeerBehaviour::Hangs => "904",
        };
        let centre = Arc::new(Centre::start(&json!({"behaviour": ending})));
        let port = match behaviour {
            PeerBehaviour::Away => 1,
            _ => centre.port,
        };
        let gateway = gateway(port, json!({"reports": false, "connections": 2}));
        let (heard, taken) = (Arc::clone(&centre), Arc::clone(&centre));
        Some(Stage {
            gateway: Arc::new(gateway),
            destination: "+4930999".into(),
            content: text("hello"),
            heard: Box::new(move || heard.all("submit").len()),
            taken: Box::new(move || taken.all("taken").len()),
            _kept: Box::new(centre),
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_keeps_the_contract() {
    contract_suite::run(&SmppPeer).await;
}
