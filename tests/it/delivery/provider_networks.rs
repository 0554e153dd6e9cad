//! Permitted addresses of providers: never a link-local or metadata address, in any spelling, and
//! only the listed networks if a list is set.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::harness::{
    Client, Database, MailRecorder, Mailing, Setup, eventually, seconds, unique_name,
};

const FORBIDDEN: &str = "the host's address is a link-local or metadata address";
const NOT_LISTED: &str = "in none of the networks of LEDGERLINE_PROVIDER_NETWORKS";

/// Spellings of addresses that nothing may connect to; the unspecified ones reach this host.
const HOSTS: [&str; 16] = [
    "0.0.0.0",
    "0",
    "::",
    "[::ffff:0.0.0.0]",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[::ffff:169.254.169.254]",
    "::a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
];

/// Listeners on one port of both loopback addresses, which detect connections.
struct Ears(TcpListener, Option<TcpListener>);

impl Ears {
    fn open() -> Self {
        let four = TcpListener::bind("127.0.0.1:0").unwrap();
        let six = TcpListener::bind(("::1", four.local_addr().unwrap().port())).ok();
        for listener in [Some(&four), six.as_ref()].into_iter().flatten() {
            listener.set_nonblocking(true).unwrap();
        }
        Self(four, six)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    fn were_called(&self) -> bool {
        let ears = [Some(&self.0), self.1.as_ref()];
        ears.into_iter().flatten().any(|it| it.accept().is_ok())
    }
}

fn provider(kind: &str, host: &str, port: u16) -> Value {
    let settings = match kind {
        "smtp" => json!({"tls": "none", "from_domain": "sender.example"}),
        _ => json!({}),
    };
    json!({
        "name": unique_name("near"), "type": kind, "host": host, "port": port, "active": 1,
        "username": "u", "password": "pass", "settings": settings,
    })
}

/// The error in the provider's status, once there is one.
async fn last_error(admin: &Client, provider: i64) -> String {
    let path = format!("/providers/{provider}/status");
    eventually("the status says why", seconds(60), async || {
        let status = admin.get(&path).await.ok();
        status["last_error"].as_str().map(str::to_owned)
    })
    .await
}

/// Sends a message by the service of this type of provider; answers the transmission.
async fn send(admin: &Client, kind: &str) -> (Mailing, i64) {
    let mailing = match kind {
        "smtp" => Mailing::new(admin).await,
        _ => Mailing::texting(admin, json!({"data": "hello"})).await,
    };
    let contact = json!({"first_name": "Bob", "phone": "+4930900", "email": "bob@example.com"});
    let contact = admin.post("/contacts", contact).await.id("contact_id");
    let transmission = mailing.to(contact).await;
    mailing.send(transmission).await;
    (mailing, transmission)
}

#[tokio::test]
async fn link_local_and_metadata_addresses_are_never_connected_to() {
    let server = Setup::on(&Database::create().await).start().await;
    let admin = server.admin().await;
    let ears = Ears::open();
    for kind in ["smtp", "http", "smpp"] {
        for host in HOSTS {
            let body = provider(kind, host, ears.port());
            let id = admin.post("/providers", body).await.id("provider_id");
            if host == "169.254.169.254" {
                let (mailing, transmission) = send(&admin, kind).await;
                let attempt = eventually("the attempt says why", seconds(60), async || {
                    let attempt = mailing.attempts(transmission).await.into_iter().next()?;
                    let answered = attempt["response"]
                        .as_str()
                        .is_some_and(|it| !it.is_empty());
                    answered.then_some(attempt)
                })
                .await;
                let words = attempt["response"].as_str().unwrap();
                assert!(words.contains(FORBIDDEN), "{kind}: {attempt}");
                assert_eq!(attempt["outcome"], "unavailable", "{kind}: {attempt}");
                assert_eq!(attempt["time_connect"], Value::Null, "{kind}: {attempt}");
            } else if kind != "smpp" {
                // Providers of type smpp bind even when there is nothing to send.
                send(&admin, kind).await;
            }
            let said = last_error(&admin, id).await;
            assert!(said.contains(FORBIDDEN), "{kind} at {host}: {said}");
            admin.delete(&format!("/providers/{id}")).await.ok();
        }
    }
    assert!(!ears.were_called());
}

#[tokio::test]
async fn a_list_of_networks_narrows_where_providers_may_be() {
    let setup = Setup::on(&Database::create().await);
    let listed = setup.set("PROVIDER_NETWORKS", "10.0.0.0/8, 127.0.0.2");
    let server = listed.start().await;
    let admin = server.admin().await;
    let ears = Ears::open();
    for host in ["localhost", "127.0.0.1", "2130706433", "::1"] {
        let body = provider("smtp", host, ears.port());
        let id = admin.post("/providers", body).await.id("provider_id");
        send(&admin, "smtp").await;
        let said = last_error(&admin, id).await;
        assert!(said.contains(NOT_LISTED), "{host}: {said}");
        admin.delete(&format!("/providers/{id}")).await.ok();
    }
    assert!(!ears.were_called());
}

#[tokio::test]
async fn loopback_may_be_used_unless_it_is_not_listed() {
    let setup = Setup::on(&Database::create().await);
    let listed = setup.set("PROVIDER_NETWORKS", "127.0.0.0/8");
    let server = listed.start().await;
    let admin = server.admin().await;
    let recorder = MailRecorder::start(0);
    let mut body = provider("smtp", "localhost", recorder.port);
    body["username"] = Value::Null;
    body["password"] = Value::Null;
    admin.post("/providers", body).await.id("provider_id");
    let (mailing, transmission) = send(&admin, "smtp").await;
    assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
}

#[tokio::test]
async fn strangers_are_not_told_what_went_wrong_at_a_provider() {
    let server = Setup::on(&Database::create().await).start().await;
    let admin = server.admin().await;
    let body = provider("smtp", "169.254.169.254", 25);
    let id = admin.post("/providers", body).await.id("provider_id");
    send(&admin, "smtp").await;
    last_error(&admin, id).await;
    let ready = server.stranger().get("/readyz").await.ok();
    let gateway = &ready["gateways"][0];
    assert_eq!(gateway["reachable"], false, "{ready}");
    assert!(!ready.to_string().contains("last_error"), "{ready}");
    assert!(!ready.to_string().contains("metadata"), "{ready}");
}
