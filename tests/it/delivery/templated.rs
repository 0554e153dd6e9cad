//! An SMS service other than Kannel, requested by its provider's template.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use serde_json::{Value, json};

use crate::harness::{Client, Database, Mailing, Server, Setup, eventually, seconds, unique_name};

/// The requests to the service: authorization and body.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// Text that the service answers beside the id, longer than the part that may be repeated.
const HIDDEN: &str = "internal internal internal internal internal internal internal internal \
                      internal internal END-OF-NOTE";

struct Service {
    server: Server,
    client: Client,
    mailing: Mailing,
    asked: Asked,
}

async fn take(State(asked): State<Asked>, headers: HeaderMap, body: Bytes) -> String {
    let who = headers["authorization"].to_str().unwrap().to_owned();
    let mut asked = asked.lock().unwrap();
    asked.push((who, serde_json::from_slice(&body).unwrap()));
    match asked.len() {
        1 => format!(r#"{{"status": "queued", "id": "m-1", "note": "{HIDDEN}"}}"#),
        // Many services refuse with status 200.
        _ => format!(r#"{{"status": "error", "reason": "{HIDDEN}"}}"#),
    }
}

impl Service {
    async fn start() -> Self {
        let asked = Asked::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().route("/v1/messages", post(take));
        let router = router.with_state(Arc::clone(&asked));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let server = Setup::on(&Database::create().await).start().await;
        let client = server.admin().await;
        let provider = json!({
            "name": unique_name("service"), "type": "http", "host": "127.0.0.1", "port": port,
            "password": "hush-hush",
            "settings": {
                "url_template": "/v1/messages", "content_type": "application/json",
                "body_template": r#"{"to": "{to}", "text": "{text}", "tell": "{report_url}"}"#,
                "headers": {"Authorization": "Bearer {password}"},
                "success": r#""id": *"([^"]+)""#,
            },
        });
        let made = client.post("/providers", provider).await.id("provider_id");
        let provider = client.get(&format!("/providers/{made}")).await.ok();
        assert!(!provider.to_string().contains("hush-hush"), "{provider}");
        let text = json!({"data": "say \"hi\"\nâ"});
        let mailing = Mailing::texting(&client, text).await;
        Self {
            server,
            client,
            mailing,
            asked,
        }
    }

    async fn send(&self) -> i64 {
        let contact = json!({"first_name": "Bob", "phone": "+4930900"});
        let contact = self.client.post("/contacts", contact).await;
        let transmission = self.mailing.to(contact.id("contact_id")).await;
        self.mailing.send(transmission).await;
        transmission
    }

    async fn asked(&self, count: usize) -> (String, Value) {
        eventually("the service is asked", seconds(20), async || {
            self.asked.lock().unwrap().get(count - 1).cloned()
        })
        .await
    }
}

async fn told(address: &str, query: &str) -> u16 {
    let answer = reqwest::get(format!("{address}{query}")).await.unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn its_reports_decide_and_only_those_that_are_some() {
    let service = Service::start().await;
    let transmission = service.send().await;
    let (who, message) = service.asked(1).await;
    assert_eq!(who, "Bearer hush-hush");
    assert_eq!(message["to"], "+4930900");
    assert_eq!(message["text"], "say \"hi\"\nâ");
    let address = message["tell"].as_str().unwrap();
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    eventually("it is taken", seconds(20), async || {
        let attempts = service.mailing.attempts(transmission).await;
        attempts.first()?["time_connect"].is_number().then_some(())
    })
    .await;
    for (query, status) in [
        ("", 400),
        ("?status=", 400),
        ("?status=perhaps", 400),
        ("?status=sent", 200),
        ("?status=delivered&answer=at%0D%0Anoon", 200),
        // A repeated report, and a contradicting one that comes too late.
        ("?status=delivered", 200),
        ("?status=failed", 200),
    ] {
        assert_eq!(told(address, query).await, status, "{query}");
    }
    let ended = service.mailing.ended(transmission).await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
    assert_eq!(ended["response"], "delivered: at noon", "{ended}");
    let (forged, _) = address.rsplit_once('/').unwrap();
    let forged = format!("{forged}/{}", "0".repeat(20));
    assert_eq!(told(&forged, "?status=failed").await, 403);
    let events = service.server.run_ok(&["events", "--format", "json"]);
    assert!(events.contains("\"m-1\""), "the service's id is on record");
    assert!(!events.contains("hush-hush"));
}

#[tokio::test]
async fn an_answer_without_success_is_a_refusal() {
    let service = Service::start().await;
    service.send().await;
    let transmission = service.send().await;
    let ended = service.mailing.ended(transmission).await;
    assert_eq!(ended["outcome"], "rejected", "{ended}");
    let words = "200: the answer does not match `success`";
    assert_eq!(ended["response"], words, "{ended}");
}

#[tokio::test]
async fn of_an_answer_only_what_success_matched_is_told() {
    let service = Service::start().await;
    let provider = &service.client.get("/providers").await.ok()[0]["provider_id"];
    let path = format!("/providers/{provider}");
    let settings = json!({"url_template": "/v1/messages", "content_type": "application/json",
        "headers": {"Authorization": "Bearer x"},
        "body_template": r#"{"to": "{to}", "text": "{text}", "tell": "none"}"#});
    for (success, words) in [
        (json!(r#""id": *"([^"]+)""#), "200 m-1"),
        (json!("(.*)"), ""),
        (Value::Null, "200 OK"),
    ] {
        service.asked.lock().unwrap().clear();
        let mut settings = settings.clone();
        settings["success"] = success.clone();
        let changed = json!({"settings": settings});
        service.client.put(&path, changed).await.ok();
        let transmission = service.send().await;
        let ended = service.mailing.ended(transmission).await;
        assert_eq!(ended["outcome"], "delivered", "{ended}");
        let said = ended["response"].as_str().unwrap();
        if success == json!("(.*)") {
            assert_eq!(said.chars().count(), "200 ".len() + 100, "{said}")
        } else {
            assert_eq!(said, words)
        }
        let detail = format!("/transmissions/{transmission}/detail");
        let told = service.client.get(&detail).await.text();
        assert!(!told.contains("END-OF-NOTE"), "{success}: {told}");
    }
}

#[tokio::test]
async fn a_template_that_cannot_be_one_is_refused_when_it_is_saved() {
    let service = Service::start().await;
    for (settings, field) in [
        (json!({"url_template": "/send"}), "settings.url_template"),
        (
            json!({"url_template": "/a?{to}{text}", "success": "("}),
            "settings.success",
        ),
        (json!({"headers": {"a": "b"}}), "settings.headers"),
    ] {
        let provider = json!({
            "name": unique_name("wrong"), "type": "http", "host": "127.0.0.1", "port": 1,
            "settings": settings,
        });
        let answer = service.client.post("/providers", provider).await;
        assert_eq!(answer.status, 412, "{settings}");
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(said.contains(field), "{said}");
    }
}
