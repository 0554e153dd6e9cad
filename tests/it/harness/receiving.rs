//! The set-up for inbound messages.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Client, eventually, seconds, unique, unique_name};

/// An account that receives messages.
#[derive(Debug, Clone)]
pub struct Receiving {
    pub account_id: i64,
    /// The number or the address at which it receives.
    pub address: String,
    url: String,
}

/// The credentials of a provider of type http, as in Kannel's configuration.
#[derive(Debug, Clone)]
pub struct Brings {
    pub provider_id: i64,
    pub username: &'static str,
    pub password: &'static str,
}

impl Receiving {
    /// A new account, subscribed to a program for inbound SMS.
    pub async fn sms(client: &Client) -> Self {
        let number = format!("+4930{:07}", unique());
        Self::new(client, "receivesms", "phone", number).await
    }

    /// A new account, subscribed to a program for inbound mail.
    pub async fn mail(client: &Client) -> Self {
        let address = format!("{}@desk.example", unique_name("box"));
        Self::new(client, "receiveemail", "email", address).await
    }

    /// A new account with this address, subscribed to a program of this type.
    pub async fn new(client: &Client, kind: &str, field: &str, address: String) -> Self {
        let mut account = json!({"username": unique_name("desk"), "active": 1});
        account[field] = json!(address);
        let account_id = client.post("/accounts", account).await.id("account_id");
        Self::with(client, kind, account_id, address).await
    }

    /// Subscribes an existing account to a new program of this type.
    pub async fn with(client: &Client, kind: &str, account_id: i64, address: String) -> Self {
        let program = json!({"name": unique_name("in"), "account_id": account_id});
        let program = client.post(&format!("/programs/{kind}"), program).await;
        let program = program.id("program_id");
        let path = format!("/accounts/{account_id}/programs/{program}");
        client.put(&path, json!({})).await.ok();
        Self::at(client, account_id, &address)
    }

    /// An existing account that receives at this address.
    pub fn at(client: &Client, account_id: i64, address: &str) -> Self {
        Self {
            account_id,
            address: address.to_owned(),
            url: client.url.clone(),
        }
    }

    /// Creates a provider that delivers messages over HTTP.
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

    /// Delivers a message to this account as Kannel would; answers the status.
    pub async fn brought(&self, by: &Brings, query: &str) -> StatusCode {
        let to = self.address.replace('+', "%2B");
        let base = self.url.strip_suffix("/api").unwrap_or(&self.url);
        let url = format!("{base}/callbacks/sms/{}?to={to}&{query}", by.provider_id);
        let request = reqwest::Client::new().get(url);
        let request = request.basic_auth(by.username, Some(by.password));
        request.send().await.unwrap().status()
    }

    /// Delivers a message to this account as Kannel would, which must be accepted.
    pub async fn bring(&self, by: &Brings, query: &str) {
        assert_eq!(self.brought(by, query).await, StatusCode::OK, "{query}");
    }

    /// The inbound transmissions of the account, in order, once there are `count`.
    pub async fn arrived(&self, client: &Client, count: usize) -> Vec<Value> {
        let what = format!("{count} arrive");
        eventually(&what, seconds(20), async || {
            let rows = self.rows(client).await;
            (rows.len() >= count).then_some(rows)
        })
        .await
    }

    /// The inbound transmissions of the account so far.
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

/// Deletes an account together with the programs that name it, which would keep it in use.
pub async fn delete_account(admin: &Client, id: i64) {
    let programs = admin.get("/programs?limit=1000").await.ok();
    for program in programs.as_array().unwrap() {
        if program["account_id"] == id {
            let program = &program["program_id"];
            // The account need not be subscribed to it.
            let subscription = format!("/accounts/{id}/programs/{program}");
            admin.delete(&subscription).await;
            admin.delete(&format!("/programs/{program}")).await.ok();
        }
    }
    admin.delete(&format!("/accounts/{id}")).await.ok();
}
