//! The kinds of PBX records, each with bodies that create and change one.

use serde_json::{Value, json};

use crate::harness::{Client, unique_name};

/// A kind of record, with the body that creates one and a change of it.
pub struct Kind {
    pub name: &'static str,
    pub path: &'static str,
    pub body: Value,
    pub change: Value,
}

impl Kind {
    fn new(name: &'static str, path: &'static str, body: Value, change: Value) -> Self {
        Self {
            name,
            path,
            body,
            change,
        }
    }

    /// Creates a record, and answers its id.
    pub async fn create(&self, client: &Client) -> i64 {
        let created = client.post(self.path, self.body.clone()).await;
        created.id(&format!("{}_id", self.name))
    }

    /// The path of a record.
    pub fn one(&self, id: i64) -> String {
        format!("{}/{id}", self.path)
    }
}

/// All kinds, with all their fields but secrets.
pub async fn kinds(client: &Client) -> Vec<Kind> {
    let recording = json!({"name": unique_name("greeting")});
    let recording = client.post("/messages/recordings", recording).await;
    let recording = recording.id("recording_id");
    let model = json!({"name": "T46S", "vendor": "Yealink"});
    let models = Kind::new(
        "phone_model",
        "/pbx/phone_models",
        model,
        json!({"vendor": null}),
    );
    let model = models.create(client).await;
    let mut condition =
        json!({"name": "Hours", "condition_type": "WEEKTIME", "timezone": "Europe/London"});
    for number in 1..=12 {
        condition[format!("param{number}")] = json!(format!("value {number}"));
    }
    let rate = json!({"prefix": "43", "per_minute": 20_000, "per_call": 5, "increment": 60});
    vec![
        models,
        Kind::new(
            "condition",
            "/pbx/conditions",
            condition,
            json!({"param1": null, "param12": "other", "timezone": null}),
        ),
        Kind::new(
            "custom",
            "/pbx/customs",
            json!({"name": "Night watch", "custom_type": "forward", "number": "+15550100"}),
            json!({"number": "+15550101"}),
        ),
        Kind::new(
            "destination",
            "/pbx/destinations",
            json!({
                "source_type": "HUNTLIST", "source_id": 7, "target_type": "EXT", "target_id": 8,
                "order": 3,
            }),
            json!({"target_type": "HANGUP", "target_id": null, "order": 4}),
        ),
        Kind::new(
            "disa",
            "/pbx/disas",
            json!({
                "name": "Staff", "pin": "402917", "caller_id": "+15550100", "outbound": 1,
                "timeout": 5, "attempts": 3,
            }),
            json!({"caller_id": null, "outbound": 0, "attempts": 1}),
        ),
        Kind::new(
            "hunt",
            "/pbx/hunts",
            json!({
                "number": "600", "name": "Sales", "hunt_type": "Ring All", "ring_time": 20,
                "check_in_use": 1,
            }),
            json!({"ring_time": null, "check_in_use": 0}),
        ),
        Kind::new(
            "ivr",
            "/pbx/ivrs",
            json!({"name": "Welcome", "recording_id": recording, "timeout": 5}),
            json!({"recording_id": null, "timeout": 300}),
        ),
        Kind::new(
            "phone",
            "/pbx/phones",
            json!({
                "name": "Desk", "phone_model_id": model, "mac": "00:15:65:12:ab:cd",
                "filename": "desk.cfg", "http_user": "desk",
            }),
            json!({"filename": null, "mac": "001565-12abce"}),
        ),
        Kind::new(
            "rate_table",
            "/pbx/rate_tables",
            json!({"name": "Standard", "currency": "EUR", "rates": [rate]}),
            json!({"currency": null, "rates": []}),
        ),
        Kind::new(
            "voicemail",
            "/pbx/voicemails",
            json!({"mailbox": "600", "fullname": "Ada Lovelace", "email": "ada@example.com"}),
            json!({"mailbox": null, "email": "grace@example.com"}),
        ),
    ]
}
