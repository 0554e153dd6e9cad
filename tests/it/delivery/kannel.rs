//! SMS through a real Kannel, from the request to the delivery report.

use serde_json::{Value, json};

use crate::harness::{
    Centre, Database, Kannel, Mailing, Server, Setup, eventually, seconds, unique,
};

struct Texting {
    server: Server,
    kannel: Kannel,
    mailing: Mailing,
}

impl Texting {
    /// A program that sends this text, through a provider with these settings.
    async fn new(text: &str, password: &str, settings: Value) -> Self {
        let text = json!({"data": text});
        Self::through(Kannel::start().await, text, password, settings).await
    }

    async fn through(kannel: Kannel, text: Value, password: &str, settings: Value) -> Self {
        let setup = Setup::on(&Database::create().await);
        let setup = setup.set("RETRY_BASE_SECONDS", "1");
        Self::on(setup, kannel, text, password, settings).await
    }

    async fn on(
        setup: Setup,
        kannel: Kannel,
        text: Value,
        password: &str,
        settings: Value,
    ) -> Self {
        let server = setup.start().await;
        let client = server.admin().await;
        kannel.provider(&client, password, settings).await;
        let mailing = Mailing::texting(&client, text).await;
        Self {
            server,
            kannel,
            mailing,
        }
    }

    /// Sends the text to a new contact; answers the transmission and its attempt.
    async fn send(&self) -> (i64, i64) {
        self.send_to(&format!("+49309{:06}", unique())).await
    }

    async fn send_to(&self, phone: &str) -> (i64, i64) {
        let contact = json!({"first_name": "Bob", "phone": phone});
        let client = &self.mailing.client;
        let contact = client.post("/contacts", contact).await.id("contact_id");
        let transmission = self.mailing.to(contact).await;
        (transmission, self.mailing.send(transmission).await)
    }

    /// Sends the text to a new contact; answers the transmission after its end.
    async fn sent(&self) -> Value {
        let (transmission, _) = self.send().await;
        self.mailing.ended(transmission).await
    }
}

fn by_fake() -> Value {
    json!({"smsc": "fake", "sender": "+4930555"})
}

#[tokio::test]
async fn a_text_is_completed_by_its_report() {
    let texting = Texting::new("Hello € Grüße [x]", "s3same", by_fake()).await;
    let ended = texting.sent().await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
    assert_eq!(ended["response"], "delivered", "{ended}");
    let message = &texting.kannel.arrived(1).await[0];
    assert!(message.contains("+4930555 +49309"), "{message}");
    assert!(message.contains("text Hello € Grüße [x]>"), "{message}");
}

#[tokio::test]
async fn other_letters_than_gsm_arrive_as_they_are() {
    let texting = Texting::new("مر😀", "s3same", by_fake()).await;
    let ended = texting.sent().await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
    let messages = texting.kannel.arrived(1).await;
    // UTF-16, as fakesmsc writes it.
    assert!(
        messages[0].contains("ucs-2 %06E%061%D8%3D%DE%00>"),
        "{messages:?}"
    );
}

#[tokio::test]
async fn a_long_text_arrives_in_parts_although_kannel_would_cut_it() {
    let texting = Texting::new(&"abc".repeat(130), "s3same", by_fake()).await;
    let ended = texting.sent().await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
    let messages = texting.kannel.arrived(3).await;
    assert_eq!(messages.len(), 3, "{messages:?}");
    for (number, message) in (1..).zip(&messages) {
        let header = format!("%03%0{number} data abc");
        assert!(message.contains(&header), "{message}");
    }
}

#[tokio::test]
async fn a_service_is_spoken_to_as_its_template_says() {
    // Kannel's alternative XML interface stands for services of any kind.
    let template = json!({
        "url_template": "/cgi-bin/sendsms", "content_type": "text/xml", "sender": "ACME",
        "body_template": "<?xml version=\"1.0\" encoding=\"UTF-8\"?><message><submit>\
            <da><number>{to}</number></da><oa><number>{from}</number></oa><ud>{text}</ud>\
            <from><username>{username}</username><password>{password}</password></from>\
            <to>fake</to><statusrequest><dlr-mask>19</dlr-mask>\
            <dlr-url>{report_url}?status=%d</dlr-url></statusrequest></submit></message>",
        "success": "^[03]: ",
    });
    let texting = Texting::new("Fish & <chips>, 3 €", "s3same", template).await;
    let ended = texting.sent().await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
    assert_eq!(ended["response"], "delivered", "{ended}");
    let message = &texting.kannel.arrived(1).await[0];
    assert!(message.contains("ACME +49309"), "{message}");
    assert!(message.contains("Fish & <chips>, 3 €"), "{message}");
}

#[tokio::test]
async fn a_wrong_password_is_not_the_messages_fault_and_stands_in_the_report() {
    let setup = Setup::on(&Database::create().await);
    let setup = setup.set("TRY_SMS_DEADLINE_SECONDS", "10");
    let (kannel, text) = (Kannel::start().await, json!({"data": "hi"}));
    let texting = Texting::on(setup, kannel, text, "wrong", by_fake()).await;
    let ended = texting.sent().await;
    assert_eq!(ended["outcome"], "unavailable", "{ended}");
    let response = ended["response"].as_str().unwrap();
    assert!(
        response.contains("Authorization failed for sendsms"),
        "{ended}"
    );
    assert!(texting.kannel.messages().is_empty());
}

#[tokio::test]
async fn a_message_for_a_centre_that_is_not_there_is_rejected() {
    let texting = Texting::new("hi", "s3same", json!({"smsc": "nosuch", "sender": "ACME"})).await;
    let ended = texting.sent().await;
    assert_eq!(ended["outcome"], "rejected", "{ended}");
    assert!(texting.kannel.messages().is_empty());
}

#[tokio::test]
async fn what_kannel_keeps_while_its_centre_is_down_is_completed_when_it_is_up() {
    let mut texting = Texting::new("hi", "s3same", by_fake()).await;
    texting.kannel.stop_centre();
    let (transmission, _) = texting.send().await;
    let mailing = texting.mailing.clone();
    eventually("Kannel takes it", seconds(20), async || {
        let attempts = mailing.attempts(transmission).await;
        let connected = attempts.first()?["time_connect"].is_number();
        connected.then_some(())
    })
    .await;
    let client = &texting.mailing.client;
    let path = format!("/transmissions/{transmission}");
    assert_eq!(client.get(&path).await.ok()["status"], "processing");
    texting.kannel.start_centre();
    let ended = texting.mailing.ended(transmission).await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
    assert_eq!(texting.kannel.arrived(1).await.len(), 1);
}

#[tokio::test]
async fn a_missing_receipt_ends_as_the_provider_is_set() {
    for (if_silent, outcome) in [("unknown", "unknown"), ("delivered", "delivered")] {
        let settings = json!({
            "smsc": "fake", "sender": "+4930555", "report_seconds": 1, "if_silent": if_silent,
        });
        let mut texting = Texting::new("hi", "s3same", settings).await;
        texting.kannel.stop_centre();
        let ended = texting.sent().await;
        assert_eq!(ended["outcome"], outcome, "{ended}");
        let response = ended["response"].as_str().unwrap();
        assert!(response.contains("no report came"), "{ended}");
    }
}

#[tokio::test]
async fn a_forged_report_is_turned_away_and_changes_nothing() {
    let mut texting = Texting::new("hi", "s3same", by_fake()).await;
    texting.kannel.stop_centre();
    let (transmission, spool) = texting.send().await;
    let url = &texting.server.url;
    let url = url.strip_suffix("/api").unwrap_or(url);
    for tag in ["0".repeat(20), String::from("x"), "0".repeat(64)] {
        let forged = format!("{url}/callbacks/reports/1/{transmission}/{spool}/{tag}?status=1");
        let answer = reqwest::get(forged).await.unwrap();
        assert_eq!(answer.status().as_u16(), 403);
    }
    let client = &texting.mailing.client;
    let path = format!("/transmissions/{transmission}");
    assert_eq!(client.get(&path).await.ok()["status"], "processing");
}

#[tokio::test]
async fn the_receipt_of_the_message_centre_holds() {
    let centre = Centre::start(&json!({"password": "s3same"}));
    let kannel = Kannel::bound_to(centre.port).await;
    centre.said("bind", 1).await;
    let settings = json!({"smsc": "centre", "sender": "ACME"});
    let text = json!({"data": "Grüße €"});
    let texting = Texting::through(kannel, text, "s3same", settings).await;
    for (ending, outcome, response) in [
        ("900", "delivered", "delivered: id:"),
        // Kannel itself retries messages that the centre throttles.
        ("901", "delivered", "delivered: id:"),
        ("905", "rejected", "stat:UNDELIV"),
        ("906", "unanswered", "stat:EXPIRED"),
        ("912", "rejected", "stat:REJECTD"),
        ("902", "rejected", "rejected by the message centre"),
    ] {
        let phone = format!("+4930{:05}{ending}", unique() % 100_000);
        let (transmission, _) = texting.send_to(&phone).await;
        let ended = texting.mailing.ended(transmission).await;
        assert_eq!(ended["outcome"], outcome, "{ending}: {ended}");
        let words = ended["response"].as_str().unwrap();
        assert!(words.contains(response), "{ending}: {ended}");
    }
    assert_eq!(centre.all("submit")[0]["text"], "Grüße €");
}

#[tokio::test]
async fn a_class_and_bytes_reach_the_message_centre_behind_kannel() {
    for (text, coding, said) in [
        (json!({"data": "Now!", "class": 8}), 0xf0, "Now!"),
        (json!({"data": "00ff10", "encoding": 1}), 0x04, "00ff10"),
    ] {
        let centre = Centre::start(&json!({"password": "s3same"}));
        let kannel = Kannel::bound_to(centre.port).await;
        centre.said("bind", 1).await;
        let settings = json!({"smsc": "centre", "sender": "ACME"});
        let texting = Texting::through(kannel, text, "s3same", settings).await;
        let (transmission, _) = texting.send_to("+49309000900").await;
        let ended = texting.mailing.ended(transmission).await;
        assert_eq!(ended["outcome"], "delivered", "{ended}");
        let submit = &centre.all("submit")[0];
        assert_eq!(
            (&submit["coding"], &submit["text"]),
            (&json!(coding), &json!(said))
        );
    }
}
