//! The set-up for calls that come in through the sandbox.

use std::ops::Deref;

use serde_json::{Value, json};

use super::{
    Answer, Call, Calling, Client, Company, Receiving, Server, eventually, seconds, unique,
};

/// An account that receives faxes, and somebody who calls it.
#[derive(Debug, Clone)]
pub struct Dialing {
    pub client: Client,
    pub receiving: Receiving,
    calling: Calling,
}

impl Dialing {
    /// A new account of an administrator, subscribed to a program for inbound faxes.
    pub async fn new(client: &Client) -> Self {
        Self {
            receiving: Receiving::new(client, "receivefax", "phone", number()).await,
            calling: Calling::new(client).await,
            client: client.clone(),
        }
    }

    /// A new account of a company, which lists the number among its own.
    pub async fn of_company(server: &Server, company: &Company) -> Self {
        let (client, number) = (&company.admin, number());
        let path = format!("/tenants/{}", company.tenant_id);
        let listed = json!({"numbers": [number]});
        server.admin().await.put(&path, listed).await.ok();
        Self {
            receiving: Receiving::new(client, "receivefax", "phone", number).await,
            calling: Calling::new(client).await,
            client: client.clone(),
        }
    }

    /// The account of a new user, subscribed to a program of this type.
    pub async fn of_user(server: &Server, kind: &str) -> Self {
        let (client, number) = (server.user(&["user"]).await, number());
        let account = client.get("/accounts").await.ok()[0]["account_id"]
            .as_i64()
            .unwrap();
        let path = format!("/accounts/{account}");
        let assigned = json!({"phone": number});
        server.admin().await.put(&path, assigned).await.ok();
        Self {
            receiving: Receiving::with(&client, kind, account, number).await,
            calling: Calling::new(&client).await,
            client,
        }
    }

    /// The same account, as another process serves it to this client.
    pub fn at(client: &Client, earlier: &Self) -> Self {
        let Receiving {
            account_id,
            address,
            ..
        } = &earlier.receiving;
        Self {
            receiving: Receiving::at(client, *account_id, address),
            calling: earlier.calling.at(client),
            client: client.clone(),
        }
    }

    /// The request of a fax of this many pages, which takes three seconds for each.
    pub fn fax(&self, pages: u32) -> Value {
        let to = &self.receiving.address;
        json!({"from": "+15550142", "to": to, "service": "fax", "pages": pages})
    }

    /// Asks for a call.
    pub async fn ask(&self, call: Value) -> Answer {
        self.client.post("/sandbox/calls", call).await
    }

    /// Places a call.
    pub async fn place(&self, call: Value) -> Call {
        let placed = self.ask(call).await.ok();
        let id = |field: &str| placed[field].as_i64().unwrap();
        Call {
            transmission: id("transmission_id"),
            spool: id("spool_id"),
        }
    }

    /// Places the call of a fax that takes longer than any test, and waits for its answer.
    pub async fn answered_call(&self) -> Call {
        let call = self.place(self.fax(400)).await;
        self.answered(call).await;
        call
    }

    /// The result rows of an attempt, once this one is among them.
    pub async fn results_with(&self, call: Call, row: &str) -> Vec<String> {
        eventually(row, seconds(30), async || {
            let rows = self.results(call.spool).await;
            rows.iter().any(|it| it == row).then_some(rows)
        })
        .await
    }
}

fn number() -> String {
    format!("+4930{:07}", unique())
}

impl Deref for Dialing {
    type Target = Calling;

    fn deref(&self) -> &Calling {
        &self.calling
    }
}
