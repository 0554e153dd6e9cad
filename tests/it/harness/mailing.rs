//! The set-up for sending mails and short messages.

use serde_json::{Value, json};

use super::{Client, eventually, seconds, unique_name};

/// A user's program that sends one template.
#[derive(Debug, Clone)]
pub struct Mailing {
    pub client: Client,
    pub template_id: i64,
    pub program_id: i64,
}

/// Makes mails leave through this port only, over this number of connections; answers the
/// provider. Its time-out is longer than tests hold a response back.
pub async fn smtp_provider(admin: &Client, port: u16, connections: u32) -> i64 {
    smtp_provider_within(300, admin, port, connections).await
}

/// Creates a provider as [`smtp_provider`] does, with this time-out in seconds for responses.
pub async fn smtp_provider_within(
    timeout: u32,
    admin: &Client,
    port: u16,
    connections: u32,
) -> i64 {
    for provider in admin.get("/providers").await.ok().as_array().unwrap() {
        let path = format!("/providers/{}", provider["provider_id"]);
        admin.delete(&path).await.ok();
    }
    let provider = json!({
        "name": unique_name("mail"), "type": "smtp", "host": "127.0.0.1", "port": port, "active": 1,
        "settings": {
            "tls": "none", "from_domain": "sender.example",
            "connections": connections, "timeout_seconds": timeout,
        },
    });
    admin.post("/providers", provider).await.id("provider_id")
}

/// Creates a sandbox, which a server on a given database has not by default; answers the
/// provider.
pub async fn sandbox_provider(admin: &Client) -> i64 {
    let provider = json!({
        "name": unique_name("sandbox"), "type": "sandbox", "host": "127.0.0.1", "active": 1,
    });
    admin.post("/providers", provider).await.id("provider_id")
}

impl Mailing {
    /// A program with a short template.
    pub async fn new(client: &Client) -> Self {
        Self::saying(
            client,
            json!({"subject": "Hello [contact:first_name]", "body": "<p>Hello</p>"}),
        )
        .await
    }

    /// A program that sends an SMS whose text has these fields.
    pub async fn texting(client: &Client, mut text: Value) -> Self {
        text["name"] = json!(unique_name("text"));
        let text_id = client.post("/messages/texts", text).await.id("text_id");
        let program = json!({"name": unique_name("sms"), "text_id": text_id});
        let program = client.post("/programs/sendsms", program).await;
        Self {
            program_id: program.id("program_id"),
            template_id: 0,
            client: client.clone(),
        }
    }

    /// A program whose template has these fields.
    pub async fn saying(client: &Client, mut template: Value) -> Self {
        template["name"] = json!(unique_name("template"));
        let template_id = client
            .post("/messages/templates", template)
            .await
            .id("template_id");
        let program = json!({"name": unique_name("program"), "template_id": template_id});
        let program_id = client
            .post("/programs/sendemail", program)
            .await
            .id("program_id");
        Self {
            client: client.clone(),
            template_id,
            program_id,
        }
    }

    /// Creates a transmission to this contact, not yet sent.
    pub async fn to(&self, contact_id: i64) -> i64 {
        self.with(json!({"contact_id": contact_id})).await
    }

    /// Creates a transmission with these fields.
    pub async fn with(&self, mut fields: Value) -> i64 {
        fields["program_id"] = json!(self.program_id);
        fields["title"] = json!("a test");
        self.client
            .post("/transmissions", fields)
            .await
            .id("transmission_id")
    }

    /// Sends to a new contact with this address; answers the transmission.
    pub async fn send_to(&self, email: &str) -> i64 {
        let contact_id = self.client.contact(email).await;
        let transmission_id = self.to(contact_id).await;
        self.send(transmission_id).await;
        transmission_id
    }

    /// Sends a transmission; answers the attempt.
    pub async fn send(&self, transmission_id: i64) -> i64 {
        let path = format!("/transmissions/{transmission_id}/send");
        self.client.post(&path, json!({})).await.id("spool_id")
    }

    /// The transmission after its end.
    pub async fn ended(&self, transmission_id: i64) -> Value {
        let path = format!("/transmissions/{transmission_id}");
        eventually(
            &format!("transmission {transmission_id} ends"),
            seconds(60),
            async || {
                let read = self.client.get(&path).await.ok();
                let status = read["status"].as_str().unwrap_or_default().to_owned();
                ["completed", "failed"]
                    .contains(&status.as_str())
                    .then_some(read)
            },
        )
        .await
    }

    /// The attempts of a transmission, in order.
    pub async fn attempts(&self, transmission_id: i64) -> Vec<Value> {
        let detail = self
            .client
            .get(&format!("/transmissions/{transmission_id}/detail"))
            .await
            .ok();
        detail
            .as_array()
            .unwrap_or_else(|| panic!("a list of attempts: {detail}"))
            .clone()
    }
}
