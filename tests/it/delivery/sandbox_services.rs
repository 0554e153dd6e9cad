//! Every service, simulated by the sandbox, and programs that cannot send.

use serde_json::{Value, json};

use crate::harness::{Client, Mailing, Server};

/// A user with a program that sends.
struct SandboxSend {
    client: Client,
    program: i64,
    service: &'static str,
}

impl SandboxSend {
    async fn new(client: &Client, kind: &str, service: &'static str, body: Value) -> Self {
        let path = format!("/programs/{kind}");
        let program = client.post(&path, body).await.id("program_id");
        Self {
            client: client.clone(),
            program,
            service,
        }
    }

    async fn text(client: &Client, text: Value) -> Self {
        let id = client.post("/messages/texts", text).await.id("text_id");
        Self::new(client, "sendsms", "sms", json!({"text_id": id})).await
    }

    /// A transmission to a new contact of this number.
    async fn to(&self, phone: &str) -> i64 {
        let contact = json!({"first_name": "Zoë", "phone": phone});
        let contact = self
            .client
            .post("/contacts", contact)
            .await
            .id("contact_id");
        let order = json!({"program_id": self.program, "contact_id": contact, "title": "t"});
        self.client
            .post("/transmissions", order)
            .await
            .id("transmission_id")
    }

    /// The reason for which a transmission to this number cannot be sent.
    async fn refused(&self, phone: &str) -> String {
        let path = format!("/transmissions/{}/send", self.to(phone).await);
        let refused = self.client.post(&path, json!({})).await.expect(423);
        refused["detail"].as_str().unwrap().to_owned()
    }

    /// Sends to this number; answers the transmission after its end, its result rows, and the
    /// sandbox's outbox entry.
    async fn sent(&self, phone: &str) -> (Value, Vec<String>, Value) {
        let id = self.to(phone).await;
        let mailing = Mailing {
            client: self.client.clone(),
            template_id: 0,
            program_id: self.program,
        };
        let spool = mailing.send(id).await;
        let ended = mailing.ended(id).await;
        let rows = self
            .client
            .get(&format!("/spools/{spool}/result"))
            .await
            .ok();
        let row = |row: &Value| {
            let word = |field: &str| row[field].as_str().unwrap().to_owned();
            format!("{} {} {}", word("type"), word("name"), word("data"))
        };
        let rows = rows.as_array().unwrap().iter().map(row).collect();
        let path = format!("/sandbox/outbox?spool_id={spool}");
        let shown = self.client.get(&path).await.ok()[0].clone();
        if ended["outcome"] == "delivered" {
            assert_eq!(
                (&shown["service"], &shown["destination"]),
                (&json!(self.service), &json!(phone))
            );
        }
        (ended, rows, shown)
    }
}

fn outcome(ended: &Value) -> [&str; 3] {
    ["status", "outcome", "response"].map(|field| ended[field].as_str().unwrap())
}

async fn user() -> Client {
    Server::shared().await.user(&["user"]).await
}

#[tokio::test]
async fn a_short_message_is_delivered_with_its_tokens_filled() {
    let text = json!({"name": "t", "data": "Hello [contact:first_name], [contact:phone] <3"});
    let sending = SandboxSend::text(&user().await, text).await;
    let (ended, rows, shown) = sending.sent("+15550101").await;
    assert_eq!(outcome(&ended)[..2], ["completed", "delivered"], "{ended}");
    assert_eq!(ended["service_flag"], 4);
    assert_eq!(rows, ["application sms_send success"]);
    assert_eq!(shown["subject"], json!(null));
    assert_eq!(shown["content"], "Hello Zoë, +15550101 <3");
}

#[tokio::test]
async fn a_text_that_no_longer_fits_its_encoding_is_rejected_with_the_reason() {
    let text = json!({"name": "t", "data": "Hello [contact:first_name]", "type": "plain"});
    let sending = SandboxSend::text(&user().await, text).await;
    let (ended, ..) = sending.sent("15550102").await;
    let [status, outcome, response] = outcome(&ended);
    assert_eq!((status, outcome), ("failed", "rejected"));
    assert!(response.contains("'ë'"), "{response}");
}

#[tokio::test]
async fn a_text_is_read_out_twice() {
    let body = json!({"text": "Good morning, [contact:first_name].", "delay": 3, "language": "en"});
    let sending = SandboxSend::new(&user().await, "voicetts", "voice", body).await;
    let (ended, rows, shown) = sending.sent("15550103").await;
    assert_eq!(
        outcome(&ended),
        ["completed", "delivered", "NORMAL_CLEARING"]
    );
    assert_eq!(ended["service_flag"], 1);
    assert_eq!(
        rows,
        [
            "application originate success",
            "application tts success",
            "application wait success",
            "application tts success",
            "application disconnect success",
        ]
    );
    let expected = "said: Good morning, Zoë.\nsilence: 3 s\nsaid: Good morning, Zoë.";
    assert_eq!(shown["content"], expected);
}

#[tokio::test]
async fn a_recording_is_played() {
    let client = user().await;
    let recording = json!({"name": "greeting"});
    let recording = client
        .post("/messages/recordings", recording)
        .await
        .id("recording_id");
    let body = json!({"recording_id": recording});
    let sending = SandboxSend::new(&client, "voicemessage", "voice", body).await;
    let reason = sending.refused("15550104").await;
    assert!(reason.contains("no media"), "{reason}");

    let path = format!("/messages/recordings/{recording}/media");
    client
        .upload(&path, "audio/wav", wav(2))
        .await
        .id("recording_id");
    let (ended, rows, shown) = sending.sent("15550104").await;
    assert_eq!(
        outcome(&ended),
        ["completed", "delivered", "NORMAL_CLEARING"]
    );
    assert_eq!(
        rows,
        [
            "application originate success",
            "application voice_play success",
            "application disconnect success",
        ]
    );
    assert_eq!(shown["content"], "played: greeting, 2 s");
}

#[tokio::test]
async fn a_fax_arrives_with_all_its_pages() {
    let client = user().await;
    let document = json!({"name": "offer"});
    let document = client
        .post("/messages/documents", document)
        .await
        .id("document_id");
    let sending =
        SandboxSend::new(&client, "sendfax", "fax", json!({"document_id": document})).await;
    let reason = sending.refused("15550105").await;
    assert!(reason.contains("no media"), "{reason}");

    let path = format!("/messages/documents/{document}/media");
    client
        .upload(&path, "application/pdf", pdf())
        .await
        .id("document_id");
    let (ended, rows, shown) = sending.sent("15550105").await;
    assert_eq!(
        outcome(&ended),
        ["completed", "delivered", "NORMAL_CLEARING"]
    );
    assert_eq!(ended["service_flag"], 2);
    assert_eq!(
        rows,
        [
            "application originate success",
            "application fax_send success",
            "info pages 1",
            "application disconnect success",
        ]
    );
    assert_eq!(
        (&shown["subject"], &shown["content"]),
        (&json!("offer"), &json!("1 page"))
    );
}

#[tokio::test]
async fn a_call_that_nobody_takes_ends_at_its_first_step() {
    let sending =
        SandboxSend::new(&user().await, "voicetts", "voice", json!({"text": "Hello"})).await;
    for (phone, expected, row) in [
        ("9990001", ["failed", "unanswered", "USER_BUSY"], "busy"),
        (
            "+9990002",
            ["failed", "unanswered", "NO_ANSWER"],
            "noanswer",
        ),
        ("9990003", ["failed", "rejected", "CALL_REJECTED"], "failed"),
    ] {
        let (ended, rows, shown) = sending.sent(phone).await;
        assert_eq!(outcome(&ended), expected);
        assert_eq!(rows, [format!("application originate {row}")]);
        assert_eq!(shown, json!(null), "nothing arrived");
    }
}

#[tokio::test]
async fn a_program_that_receives_cannot_be_sent() {
    let client = user().await;
    let account = client.get("/accounts").await.ok()[0]["account_id"].clone();
    for kind in [
        "emailtofax",
        "faxtoemail",
        "receiveemail",
        "receivefax",
        "receivesms",
    ] {
        let sending = SandboxSend::new(&client, kind, "", json!({"account_id": account})).await;
        let reason = sending.refused("15550106").await;
        assert!(
            reason.contains("inbound") || reason.contains(kind),
            "{reason}"
        );
        // Even if the body claims another direction.
        let contact = client.contact("claimed@example.com").await;
        let order =
            json!({"program_id": sending.program, "contact_id": contact, "direction": "outbound"});
        let id = client
            .post("/transmissions", order)
            .await
            .id("transmission_id");
        let path = format!("/transmissions/{id}/send");
        let refused = client.post(&path, json!({})).await.expect(423);
        assert!(
            refused["detail"].as_str().unwrap().contains(kind),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_service_without_gateway_is_not_queued() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    for provider in admin.get("/providers").await.ok().as_array().unwrap() {
        let path = format!("/providers/{}", provider["provider_id"]);
        admin.delete(&path).await.ok();
    }
    let voice = SandboxSend::new(&admin, "voicetts", "voice", json!({"text": "Hello"})).await;
    let refused = async || {
        let reason = voice.refused("15550108").await;
        let expected = "no provider for service voice";
        assert!(reason.contains(expected), "{reason}");
    };
    refused().await;
    // The provider is stored, but no adapter for its type exists yet.
    let sip = json!({"name": "sip", "type": "sip", "host": "127.0.0.1", "active": 1});
    admin.post("/providers", sip).await.id("provider_id");
    refused().await;
    let sandbox = json!({"name": "sandbox", "type": "sandbox", "active": 1});
    admin.post("/providers", sandbox).await.id("provider_id");
    let (ended, ..) = voice.sent("15550109").await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
}

/// A WAV of silence of this length.
fn wav(seconds: u32) -> Vec<u8> {
    let bytes = 16_000 * seconds;
    let mut file = Vec::from(*b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(*b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    for half in [1_u16, 1] {
        file.extend(half.to_le_bytes());
    }
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    for half in [2_u16, 16] {
        file.extend(half.to_le_bytes());
    }
    file.extend(*b"data");
    file.extend(bytes.to_le_bytes());
    file.resize(file.len() + bytes as usize, 0);
    file
}

/// A PDF of one empty page.
fn pdf() -> Vec<u8> {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut places = Vec::new();
    for (number, object) in (1..).zip(objects) {
        places.push(file.len());
        file.push_str(&format!("{number} 0 obj{object}endobj\n"));
    }
    let start = file.len();
    file.push_str("xref\n0 4\n0000000000 65535 f \n");
    for place in places {
        file.push_str(&format!("{place:010} 00000 n \n"));
    }
    file.push_str(&format!(
        "trailer<</Size 4/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n"
    ));
    file.into_bytes()
}
