//! The adapter against a simulated sendsms whose behaviour the tests choose, and against the
//! real Kannel ([`real`]), which is also a peer of the integration tests.

mod real;
mod template;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use domain::{
    delivery::SenderRight,
    outreach::{TextClass, sms},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    content::Sms,
    contract_suite::{self, Peer, PeerBehaviour, Stage, Starts},
};

/// The requests that the other side received, in their order.
#[derive(Default)]
struct Heard {
    requests: Mutex<Vec<String>>,
    taken: AtomicUsize,
}

impl Heard {
    fn all(&self) -> Vec<String> {
        lock(&self.requests).clone()
    }
}

async fn answer(behaviour: PeerBehaviour, stream: TcpStream, heard: Arc<Heard>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = request(&mut stream).await {
        let number = {
            let mut requests = lock(&heard.requests);
            requests.push(request);
            requests.len()
        };
        let reply = match behaviour {
            PeerBehaviour::Refuses if number > 1 => "403 Forbidden\r\ncontent-length: 0",
            PeerBehaviour::Refuses => {
                "403 Forbidden\r\ncontent-length: 31\r\n\r\nNot routable. Do not try again."
            }
            PeerBehaviour::Hangs => return std::future::pending().await,
            PeerBehaviour::Vanishes => return,
            _ => {
                heard.taken.fetch_add(1, Ordering::SeqCst);
                "202 Accepted\r\ncontent-length: 24\r\n\r\n0: Accepted for delivery"
            }
        };
        let reply = format!("HTTP/1.1 {reply}");
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
        text.push_str(&line.to_lowercase().replace("\r\n", "\n"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&body));
    Some(text)
}

fn settings(settings: serde_json::Value) -> HttpSettings {
    HttpSettings::parse(settings.as_object().unwrap()).unwrap()
}

async fn gateway(behaviour: PeerBehaviour, settings: HttpSettings) -> (KannelGateway, Arc<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Heard::default());
    if behaviour != PeerBehaviour::Away {
        let heard = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(behaviour, stream, Arc::clone(&heard)));
            }
        });
    }
    let gateway = KannelGateway::new(config(port, settings));
    (gateway.unwrap(), heard)
}

fn config(port: u16, settings: HttpSettings) -> KannelConfig {
    KannelConfig {
        provider: Id::new(7),
        host: "127.0.0.1".into(),
        port,
        networks: crate::network::ProviderNetworks::default(),
        username: Some("user".into()),
        password: Some(SecretString::from("sesame")),
        prefix: None,
        settings,
        addresses: Addresses::new("http://here", b"key".to_vec().into()),
    }
}

fn text(text: &str, class: TextClass) -> Content {
    Content::Sms(Box::new(Sms {
        text: text.to_owned(),
        encoded: sms::Sms::encode(text, None).unwrap(),
        class,
        sender: Some(SenderAddress {
            address: "+4930123".into(),
            right: SenderRight::Granted,
        }),
    }))
}

struct KannelPeer;

#[async_trait]
impl Peer for KannelPeer {
    async fn stage(&self, behaviour: PeerBehaviour) -> Option<Stage> {
        staged(behaviour, serde_json::json!({"reports": false})).await
    }
}

async fn staged(behaviour: PeerBehaviour, said: serde_json::Value) -> Option<Stage> {
    // Only a report says whether the recipient answers.
    if behaviour == PeerBehaviour::Unanswering {
        return None;
    }
    let (gateway, heard) = gateway(behaviour, settings(said)).await;
    let (all, taken) = (Arc::clone(&heard), Arc::clone(&heard));
    Some(Stage {
        gateway: Arc::new(gateway),
        destination: "+4930999".into(),
        content: text("hello", TextClass::Off),
        heard: Box::new(move || all.all().len()),
        taken: Box::new(move || taken.taken.load(Ordering::SeqCst)),
        _kept: Box::new(()),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_keeps_the_contract() {
    contract_suite::run(&KannelPeer).await;
}

async fn sent(content: Content, said: serde_json::Value) -> (Ended, Vec<String>) {
    let (gateway, heard) = gateway(PeerBehaviour::Takes, settings(said)).await;
    let time = Duration::from_secs(60);
    let spool = contract_suite::spool(300, "+4930999", content, time);
    let ended = gateway.attempt(&spool, &Starts::default()).await;
    (ended, heard.all())
}

fn reported(ended: Ended) -> crate::Report {
    match ended {
        Ended::Reported(report) => report,
        other => panic!("nothing was reported: {other:?}"),
    }
}

#[tokio::test]
async fn a_taken_message_awaits_its_report() {
    let said = serde_json::json!({"report_seconds": 60, "if_silent": "delivered"});
    let (ended, heard) = sent(text("Grüße", TextClass::Flash), said).await;
    let Ended::Accepted(accepted) = ended else {
        panic!("{ended:?}");
    };
    assert_eq!(accepted.report_timeout, Duration::from_secs(60));
    assert_eq!(
        accepted.if_silent,
        domain::delivery::OnReportTimeout::Delivered
    );
    let [request] = heard.as_slice() else {
        panic!("{heard:?}");
    };
    for part in [
        "post /cgi-bin/sendsms http/1.1\n",
        "x-kannel-to: +4930999\n",
        "x-kannel-from: +4930123\n",
        "x-kannel-username: user\n",
        "x-kannel-password: sesame\n",
        "x-kannel-coding: 0\n",
        "x-kannel-mclass: 0\n",
        "x-kannel-dlr-mask: 19\n",
        "x-kannel-dlr-url: http://here/callbacks/reports/7/1/300/",
        "?status=%d&answer=%a\n",
        "\n\nGrüße",
    ] {
        assert!(request.contains(part), "{part:?} in {request}");
    }
    assert!(!request.contains("x-kannel-udh"), "{request}");
}

#[tokio::test]
async fn each_part_is_a_request_of_its_own_and_the_last_asks_for_the_report() {
    let long = "a€".repeat(150);
    let (ended, heard) = sent(text(&long, TextClass::Off), serde_json::json!({})).await;
    assert!(matches!(ended, Ended::Accepted(_)), "{ended:?}");
    assert_eq!(heard.len(), 3);
    let bodies = heard.iter().map(|it| it.split_once("\n\n").unwrap().1);
    assert_eq!(bodies.collect::<String>(), long);
    for (at, request) in heard.iter().enumerate() {
        let header = format!("x-kannel-udh: 0500032c030{}\n", at + 1);
        assert!(request.contains(&header), "{request}");
        assert_eq!(request.contains("dlr-url"), at == 2, "{request}");
    }
}

#[tokio::test]
async fn a_text_of_too_many_parts_is_refused_and_not_cut() {
    let long = "a".repeat(161);
    let few = serde_json::json!({"max_messages": 1});
    let (ended, heard) = sent(text(&long, TextClass::Off), few).await;
    let report = reported(ended);
    assert_eq!(report.outcome, Outcome::Rejected);
    assert!(report.response.contains("2 messages"), "{report:?}");
    assert!(heard.is_empty(), "{heard:?}");
}

/// A server that answers one request on each connection with the next of `answers`, and
/// hangs up.
async fn closing(answers: &'static [&'static str]) -> (KannelGateway, Arc<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Heard::default());
    let noted = Arc::clone(&heard);
    tokio::spawn(async move {
        for answer in answers {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let request = request(&mut stream).await.unwrap();
            lock(&noted.requests).push(request);
            let reply =
                format!("HTTP/1.1 {answer}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    let config = config(port, settings(serde_json::json!({})));
    (KannelGateway::new(config).unwrap(), heard)
}

async fn three_parts(answers: &'static [&'static str]) -> (Ended, usize) {
    let (gateway, heard) = closing(answers).await;
    let content = text(&"a".repeat(400), TextClass::Off);
    let spool = contract_suite::spool(300, "+4930999", content, Duration::from_secs(60));
    let ended = gateway.attempt(&spool, &Starts::default()).await;
    (ended, heard.all().len())
}

#[tokio::test]
async fn a_connection_that_is_closed_between_two_parts_is_opened_again() {
    let (ended, heard) = three_parts(&["202 OK", "202 OK", "202 OK"]).await;
    assert!(matches!(ended, Ended::Accepted(_)), "{ended:?}");
    assert_eq!(heard, 3);
}

#[tokio::test]
async fn an_unknown_part_makes_the_message_unknown() {
    for (answers, outcome) in [
        (&["202 OK", "502 Bad Gateway"], Outcome::Unknown),
        (&["202 OK", "403 Forbidden"], Outcome::Rejected),
    ] {
        let (ended, heard) = three_parts(answers).await;
        let report = reported(ended);
        assert_eq!((report.outcome, heard), (outcome, 2), "{report:?}");
        assert!(
            report.response.starts_with("after 1 of 3 parts"),
            "{report:?}"
        );
    }
}
