//! What has to be there before something can come in.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Client, eventually, seconds, unique, unique_name};

/// An account that takes in what comes to it.
#[derive(Debug, Clone)]
pub struct Receiving {
    pub account_id: i64,
    /// The number or the address that it is reached under.
    pub address: String,
    url: String,
}

/// A provider of type http, as the one who configures Kannel knows it.
#[derive(Debug, Clone)]
pub struct Brings {
    pub provider_id: i64,
    pub username: &'static str,
    pub password: &'static str,
}

impl Receiving {
    /// One that is subscribed to a program for short messages.
    pub async fn sms(client: &Client) -> Self {
        let number = format!("+4930{:07}", unique());
        Self::of(client, "receivesms", "phone", number).await
    }

    /// One that is subscribed to a program for mail.
    pub async fn mail(client: &Client) -> Self {
        let address = format!("{}@desk.example", unique_name("box"));
        Self::of(client, "receiveemail", "email", address).await
    }

    /// One that is subscribed to a program of this type, under this address.
    pub async fn of(client: &Client, kind: &str, field: &str, address: String) -> Self {
        let mut account = json!({"username": unique_name("desk"), "active": 1});
        account[field] = json!(address);
        let account_id = client.post("/accounts", account).await.id("account_id");
        Self::with(client, kind, account_id, address).await
    }

    /// This account, subscribed to a program of this type.
    pub async fn with(client: &Client, kind: &str, account_id: i64, address: String) -> Self {
        let program = json!({"name": unique_name("in"), "account_id": account_id});
        let program = client.post(&format!("/programs/{kind}"), program).await;
        let program = program.id("program_id");
        let path = format!("/accounts/{account_id}/programs/{program}");
        client.put(&path, json!({})).await.ok();
        Self::at(client, account_id, &address)
    }

    /// An account that exists already, reached under this address.
    pub fn at(client: &Client, account_id: i64, address: &str) -> Self {
        Self {
            account_id,
            address: address.to_owned(),
            url: client.url.clone(),
        }
    }

    /// A provider that brings messages over HTTP.
    pub async fn kannel(&self, admin: &Client) -> Brings {
        let (username, password) = ("kannel", "sesame-open");
        let provider = json!({
            "name": unique_name("kannel"), "type": "http", "host": "127.0.0.1", "port": 1,
            "username": username, "settings": {"report_password": password},
        });
        Brings {
            provider_id: admin.post("/providers", provider).await.id("provider_id"),
            username,
            password,
        }
    }

    /// Brings a message to this account as Kannel would: the answer.
    pub async fn brought(&self, by: &Brings, query: &str) -> StatusCode {
        let to = self.address.replace('+', "%2B");
        let base = self.url.strip_suffix("/api").unwrap_or(&self.url);
        let url = format!("{base}/callbacks/sms/{}?to={to}&{query}", by.provider_id);
        let request = reqwest::Client::new().get(url);
        let request = request.basic_auth(by.username, Some(by.password));
        request.send().await.unwrap().status()
    }

    /// The same, and it is taken.
    pub async fn bring(&self, by: &Brings, query: &str) {
        assert_eq!(self.brought(by, query).await, StatusCode::OK, "{query}");
    }

    /// What came in for it, the first one first, once it is so much.
    pub async fn arrived(&self, client: &Client, count: usize) -> Vec<Value> {
        let what = format!("{count} arrive");
        eventually(&what, seconds(20), async || {
            let rows = self.rows(client).await;
            (rows.len() >= count).then_some(rows)
        })
        .await
    }

    /// What came in for it so far.
    pub async fn rows(&self, client: &Client) -> Vec<Value> {
        let path = format!(
            "/transmissions?direction=inbound&account_id={}",
            self.account_id
        );
        let rows = client.get(&path).await.ok();
        rows.as_array().unwrap().clone()
    }

    /// The message of a row.
    pub async fn message(client: &Client, row: &Value) -> Value {
        let path = format!("/transmissions/{}/message", row["transmission_id"]);
        client.get(&path).await.ok()
    }
}
