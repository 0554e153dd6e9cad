//! SMS through a message centre by SMPP, from the request to the delivery report.

use serde_json::{Value, json};

use crate::harness::{
    Centre, Database, Mailing, Server, Setup, every_event_names_its_causes, seconds, unique,
    unique_name,
};

struct Texting {
    server: Server,
    centre: Centre,
    provider: i64,
    mailing: Mailing,
}

impl Texting {
    /// A program that sends this text, through a message centre with these options and a provider
    /// with these settings.
    async fn new(text: &str, options: Value, settings: Value) -> Self {
        let database = Database::create().await;
        let centre = Centre::start(&options);
        let server = Setup::on(&database)
            .set("RETRY_BASE_SECONDS", "1")
            .start()
            .await;
        let client = server.admin().await;
        let provider = json!({
            "name": unique_name("centre"), "type": "smpp", "host": "127.0.0.1",
            "port": centre.port, "username": "ledgerline", "password": "s3same",
            "settings": settings,
        });
        let provider = client.post("/providers", provider).await.id("provider_id");
        let mailing = Mailing::texting(&client, json!({"data": text})).await;
        Self {
            server,
            centre,
            provider,
            mailing,
        }
    }

    /// Sends the text to a number with this ending, which selects the message centre's behaviour.
    async fn sent(&self, ending: &str) -> Value {
        let phone = format!("+49309{:03}{ending}", unique() % 1_000);
        let contact = json!({"first_name": "Bob", "phone": phone});
        let client = &self.mailing.client;
        let contact = client.post("/contacts", contact).await.id("contact_id");
        let transmission = self
            .mailing
            .with(json!({"contact_id": contact, "try_allowed": 1}))
            .await;
        self.mailing.send(transmission).await;
        self.mailing.ended(transmission).await
    }

    async fn ends(&self, ending: &str, outcome: &str, response: &str) {
        let ended = self.sent(ending).await;
        assert_eq!(ended["outcome"], outcome, "{ending}: {ended}");
        let words = ended["response"].as_str().unwrap();
        assert!(words.contains(response), "{ending}: {ended}");
    }
}

#[tokio::test]
async fn the_outcome_is_that_of_the_message_centre() {
    let settings = json!({"connections": 2, "timeout_seconds": 15, "sender": "ACME"});
    let texting = Texting::new("Grüße €", json!({"password": "s3same"}), settings).await;
    for (ending, outcome, response) in [
        ("900", "delivered", "DELIVRD"),
        ("901", "delivered", "DELIVRD"),
        ("908", "delivered", "DELIVRD"),
        ("909", "delivered", "DELIVRD"),
        ("902", "rejected", "ESME_RINVDSTADR"),
        ("905", "rejected", "UNDELIV err:021"),
        ("912", "rejected", "REJECTD"),
        ("906", "unanswered", "EXPIRED"),
        ("904", "unknown", "did not answer in time"),
        ("903", "unknown", "the connection was lost"),
        ("900", "delivered", "DELIVRD"),
    ] {
        texting.ends(ending, outcome, response).await;
    }
    let submits = texting.centre.all_by_now("submit").await;
    assert_eq!(submits[0]["text"], "Grüße €");
    assert_eq!(submits[0]["from"], "ACME");
    every_event_names_its_causes(&texting.server).await;
}

#[tokio::test]
async fn an_account_sends_under_the_name_that_it_has() {
    let texting = Texting::new("hi", json!({}), json!({"sender": "provider"})).await;
    let client = &texting.mailing.client;
    let account = client.get("/accounts").await.ok()[0].clone();
    let list = format!("/users/{}/sms_senders", account["user_id"]);
    client
        .put(&list, json!({"names": ["ACME Shop"]}))
        .await
        .ok();
    let path = format!("/accounts/{}/settings/sms_sender", account["account_id"]);
    client.put(&path, json!({"value": "ACME Shop"})).await.ok();
    texting.ends("900", "delivered", "DELIVRD").await;
    let submit = texting.centre.all_by_now("submit").await.remove(0);
    assert_eq!(submit["from"], "ACME Shop");
    // TON 5 is alphanumeric (3GPP TS 23.040, 9.1.2.5).
    assert_eq!(submit["ton"][0], 5);
}

#[tokio::test]
async fn a_receipt_that_nobody_waits_for_is_put_off_for_a_minute_and_then_refused() {
    let texting = Texting::new("hi", json!({}), json!({})).await;
    texting.centre.said("bind", 1).await;
    let words = "id:4711 sub:001 dlvrd:001 submit date:2611270000 done date:2611270000 \
                 stat:DELIVRD err:000 text:";
    let receipt = json!({
        "from": "4930900", "to": "4930901", "esm_class": 4, "hex": hex::encode(words),
    });
    texting.centre.deliver(&receipt);
    let answer = texting.centre.said("delivered", 1).await.remove(0);
    // ESME_RX_T_APPN
    assert_eq!(answer["status"], 0x64, "{answer}");
    tokio::time::sleep(seconds(60)).await;
    texting.centre.deliver(&receipt);
    let answer = texting.centre.said("delivered", 2).await.remove(1);
    // ESME_RX_P_APPN
    assert_eq!(answer["status"], 0x65, "{answer}");
}

#[tokio::test]
async fn a_receipt_of_another_provider_is_ignored() {
    let texting = Texting::new("hi", json!({}), json!({"sender": "ACME"})).await;
    let client = &texting.mailing.client;
    let another = Centre::start(&json!({}));
    let provider = json!({
        "name": unique_name("another"), "type": "smpp", "host": "127.0.0.1",
        "port": another.port, "username": "another", "settings": {"bind": "receiver"},
    });
    client.post("/providers", provider).await.ok();
    another.said("bind", 1).await;
    let contact = json!({"first_name": "Bob", "phone": "+49309000907"});
    let contact = client.post("/contacts", contact).await.id("contact_id");
    let transmission = texting.mailing.to(contact).await;
    texting.mailing.send(transmission).await;
    let taken = texting.centre.said("taken", 1).await.remove(0);
    let words = format!(
        "id:{} stat:UNDELIV err:021",
        taken["message_id"].as_str().unwrap()
    );
    another.deliver(&json!({
        "from": "49309000907", "to": "4930901", "esm_class": 4, "hex": hex::encode(words),
    }));
    let answer = another.said("delivered", 1).await.remove(0);
    assert_eq!(answer["status"], 0x64, "{answer}");
    let read = client.get(&format!("/transmissions/{transmission}")).await;
    assert_eq!(read.ok()["status"], "processing");
}

#[tokio::test]
async fn the_id_that_the_message_centre_gave_is_on_record() {
    let texting = Texting::new("hi", json!({}), json!({"sender": "ACME"})).await;
    texting.ends("900", "delivered", "DELIVRD").await;
    let events = texting.mailing.client.get("/events?limit=500").await.ok();
    let connected = events["data"]
        .as_array()
        .or(events.as_array())
        .unwrap()
        .iter();
    let connected = connected
        .clone()
        .find(|it| it["event_type"] == "SpoolConnected");
    let payload = connected.unwrap_or_else(|| panic!("{events}"))["payload"].to_string();
    assert!(payload.contains(r#""message_id":"1""#), "{payload}");
}

#[tokio::test]
async fn without_a_report_it_ends_as_the_provider_is_set() {
    for if_silent in ["unknown", "delivered"] {
        let settings = json!({"report_seconds": 1, "if_silent": if_silent, "sender": "ACME"});
        let texting = Texting::new("hi", json!({}), settings).await;
        texting.ends("907", if_silent, "no report came").await;
    }
}

#[tokio::test]
async fn reports_come_by_the_bind_that_receives() {
    let settings = json!({"bind": "transmitter_and_receiver", "sender": "ACME"});
    let texting = Texting::new(&"long ".repeat(50), json!({}), settings).await;
    texting.ends("900", "delivered", "DELIVRD").await;
    assert_eq!(texting.centre.all_by_now("submit").await.len(), 2);
}

#[tokio::test]
async fn nothing_is_sent_by_a_provider_that_only_receives() {
    let texting = Texting::new("hi", json!({}), json!({"bind": "receiver"})).await;
    let client = &texting.mailing.client;
    let contact = json!({"first_name": "Bob", "phone": "+4930999900"});
    let contact = client.post("/contacts", contact).await.id("contact_id");
    let transmission = texting.mailing.to(contact).await;
    let send = client
        .post(&format!("/transmissions/{transmission}/send"), json!({}))
        .await;
    assert_eq!(send.status, 423, "{send:?}");
}

#[tokio::test]
async fn a_provider_that_is_switched_off_hangs_up_and_tells_how_it_is() {
    let texting = Texting::new("hi", json!({}), json!({})).await;
    texting.centre.said("bind", 1).await;
    let path = format!("/providers/{}", texting.provider);
    let client = &texting.mailing.client;
    client.put(&path, json!({"active": 0})).await.ok();
    texting.centre.said("closed", 1).await;
    client.put(&path, json!({"active": 1})).await.ok();
    texting.centre.said("bind", 2).await;
    texting.centre.hang_up();
    texting.centre.said("bind", 3).await;
}
