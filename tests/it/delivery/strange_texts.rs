//! Invalid numbers and unusual texts, outbound and inbound.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Brings, Client, Database, Receiving, Server, Setup};

struct TextSender {
    _server: Server,
    client: Client,
    receiving: Receiving,
    kannel: Brings,
}

impl TextSender {
    async fn open() -> Self {
        let database = Database::create().await;
        let server = Setup::on(&database).start().await;
        let client = server.admin().await;
        let receiving = Receiving::sms(&client).await;
        let kannel = receiving.kannel(&client).await;
        Self {
            _server: server,
            client,
            receiving,
            kannel,
        }
    }

    async fn brought(&self, query: &str) -> StatusCode {
        self.receiving.brought(&self.kannel, query).await
    }
}

#[tokio::test]
async fn whoever_is_no_number_is_taken_in_as_what_they_are_called() {
    let desk = TextSender::open().await;
    let long = "9".repeat(40);
    for (from, source) in [
        ("ACME+Shop", json!("ACME Shop")),
        ("", Value::Null),
        (long.as_str(), json!(long)),
        ("%2B49%00301", json!("+49 301")),
        ("abc%0D%0Adef", json!("abc def")),
    ] {
        let before = desk.receiving.rows(&desk.client).await.len();
        let query = format!("from={from}&coding=0&data=hello");
        assert_eq!(desk.brought(&query).await, StatusCode::OK, "{from}");
        let rows = desk.receiving.arrived(&desk.client, before + 1).await;
        let message = Receiving::message(&desk.client, rows.last().unwrap()).await;
        assert_eq!(message["source"], source, "{message}");
    }
}

#[tokio::test]
async fn what_is_for_no_number_is_refused() {
    let desk = TextSender::open().await;
    for (to, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("nobody", StatusCode::NOT_FOUND),
        (&"9".repeat(40), StatusCode::NOT_FOUND),
        ("%00", StatusCode::BAD_REQUEST),
        ("%FF%FE", StatusCode::BAD_REQUEST),
    ] {
        let query = format!("from=%2B4930123&coding=0&data=hello&to={to}");
        assert_eq!(desk.brought(&query).await, status, "{to}");
    }
    assert!(desk.receiving.rows(&desk.client).await.is_empty());
}

#[tokio::test]
async fn a_text_that_is_empty_or_has_a_nul_comes_in_as_it_is() {
    let desk = TextSender::open().await;
    for (number, data) in ["", "a%00b"].into_iter().enumerate() {
        let query = format!("from=%2B4930123&coding=0&data={data}&id={number}");
        assert_eq!(desk.brought(&query).await, StatusCode::OK, "{data:?}");
    }
    for (row, text) in
        (desk.receiving.arrived(&desk.client, 2).await.iter()).zip(["", "a\u{fffd}b"])
    {
        assert_eq!(Receiving::message(&desk.client, row).await["text"], text);
    }
}

#[tokio::test]
async fn nothing_strange_is_taken_to_be_sent() {
    let desk = TextSender::open().await;
    for phone in [
        json!("+49abc"),
        json!("4".repeat(40)),
        json!("+49\u{0}30"),
        json!("+"),
    ] {
        let contact = json!({"first_name": "Bob", "phone": phone});
        let answer = desk.client.post("/contacts", contact).await;
        assert_eq!(answer.status, 412, "{phone}");
    }
    for data in [Value::Null, json!(""), json!("a\u{0}b")] {
        let text = json!({"name": "strange", "data": data});
        let answer = desk.client.post("/messages/texts", text).await;
        assert_eq!(answer.status, 412, "{data}");
    }
}
