//! The set-up for calls through the sandbox that last.

use serde_json::{Value, json};

use super::{Client, Mailing, eventually, seconds};

/// Numbers at which somebody answers after five seconds.
pub const LISTENS: &str = "9990011";
pub const HANGS_UP: &str = "9990013";
pub const STAYS: &str = "9990014";

/// A user's program that reads out a text.
#[derive(Debug, Clone)]
pub struct Calling {
    mailing: Mailing,
}

/// A call that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub transmission: i64,
    pub spool: i64,
}

impl Calling {
    /// A program that says a few words twice, with a second in between.
    pub async fn new(client: &Client) -> Self {
        let program = json!({"text": "Good morning.", "delay": 1});
        let program = client.post("/programs/voicetts", program).await;
        let mailing = Mailing {
            client: client.clone(),
            template_id: 0,
            program_id: program.id("program_id"),
        };
        Self { mailing }
    }

    /// The same program, as another process serves it to this client.
    pub fn at(&self, client: &Client) -> Self {
        let mailing = Mailing {
            client: client.clone(),
            ..self.mailing.clone()
        };
        Self { mailing }
    }

    /// A new contact with this number.
    pub async fn contact(&self, number: &str) -> i64 {
        let contact = json!({"first_name": "Ada", "phone": number});
        let contact = self.mailing.client.post("/contacts", contact).await;
        contact.id("contact_id")
    }

    /// Calls a new contact with this number.
    pub async fn call(&self, number: &str) -> Call {
        self.call_contact(self.contact(number).await).await
    }

    /// Calls a contact.
    pub async fn call_contact(&self, contact: i64) -> Call {
        let order = json!({"contact_id": contact, "try_allowed": 3});
        let transmission = self.mailing.with(order).await;
        let spool = self.mailing.send(transmission).await;
        Call {
            transmission,
            spool,
        }
    }

    /// The attempt as it is now.
    pub async fn attempt(&self, spool: i64) -> Value {
        let path = format!("/spools/{spool}");
        self.mailing.client.get(&path).await.ok()
    }

    /// The attempt once this field has a value.
    pub async fn once(&self, spool: i64, field: &str) -> Value {
        let what = format!("attempt {spool} has a {field}");
        eventually(&what, seconds(60), async || {
            let attempt = self.attempt(spool).await;
            (!attempt[field].is_null()).then_some(attempt)
        })
        .await
    }

    /// The attempt once it is answered.
    pub async fn answered(&self, call: Call) -> Value {
        self.once(call.spool, "time_connect").await
    }

    /// The result rows of an attempt, in short.
    pub async fn results(&self, spool: i64) -> Vec<String> {
        let path = format!("/spools/{spool}/result");
        let rows = self.mailing.client.get(&path).await.ok();
        let word = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
        let row = |row: &Value| format!("{} {}", word(row, "name"), word(row, "data"));
        rows.as_array().unwrap().iter().map(row).collect()
    }

    /// Asks for the end of an attempt; answers it.
    pub async fn hang_up(&self, spool: i64) -> Value {
        let path = format!("/spools/{spool}/hangup");
        self.mailing.client.post(&path, json!({})).await.ok()
    }

    /// The transmission after its end.
    pub async fn ended(&self, call: Call) -> Value {
        self.mailing.ended(call.transmission).await
    }

    /// The attempts of a transmission, in order.
    pub async fn attempts(&self, call: Call) -> Vec<Value> {
        self.mailing.attempts(call.transmission).await
    }

    /// The number of calls that the sandbox has of an attempt.
    pub async fn arrivals(&self, spool: i64) -> usize {
        let path = format!("/sandbox/outbox?spool_id={spool}");
        let outbox = self.mailing.client.get(&path).await.ok();
        outbox.as_array().unwrap().len()
    }
}
