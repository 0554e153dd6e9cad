//! Inbound (mobile-originated) SMS, from the message centre to the readable transmission.

use std::{collections::HashSet, time::Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{
    Centre, Client, Database, Kannel, Lossy, Receiving, Server, Setup, eventually, seconds,
    unique_name,
};

/// An account that receives SMS on a server of its own.
pub(super) struct SmsReceiver {
    pub(super) server: Server,
    pub(super) client: Client,
    pub(super) receiving: Receiving,
}

impl SmsReceiver {
    pub(super) async fn open() -> Self {
        let database = Database::create().await;
        let server = Setup::on(&database).start().await;
        let client = server.admin().await;
        let receiving = Receiving::sms(&client).await;
        Self {
            server,
            client,
            receiving,
        }
    }

    /// A receiver with a message centre to which its provider is bound.
    pub(super) async fn bound() -> (Self, Centre) {
        let receiver = Self::open().await;
        let centre = Centre::start(&json!({}));
        let provider = json!({
            "name": unique_name("centre"), "type": "smpp", "host": "127.0.0.1",
            "port": centre.port, "username": "ledgerline",
        });
        receiver.client.post("/providers", provider).await.ok();
        centre.said("bind", 1).await;
        (receiver, centre)
    }

    async fn texts(&self, count: usize) -> Vec<Value> {
        let mut texts = Vec::new();
        for row in self.receiving.arrived(&self.client, count).await {
            texts.push(Receiving::message(&self.client, &row).await["text"].clone());
        }
        texts
    }

    pub(super) fn deliver(&self, centre: &Centre, octets: &[u8], more: Value) {
        let mut message = json!({
            "from": "4930999", "to": self.receiving.address.trim_start_matches('+'),
            "hex": hex::encode(octets),
        });
        let more = more.as_object().unwrap().clone();
        message.as_object_mut().unwrap().extend(more);
        centre.deliver(&message);
    }

    pub(super) async fn outbox(&self) -> Vec<Value> {
        let outbox = self.client.get("/sandbox/outbox").await.ok();
        outbox.as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_message_becomes_a_completed_transmission_from_a_new_contact() {
    let (receiver, centre) = SmsReceiver::bound().await;
    receiver.deliver(&centre, b"hello \x1b\x65", json!({}));
    let row = receiver
        .receiving
        .arrived(&receiver.client, 1)
        .await
        .remove(0);
    assert_eq!(centre.said("delivered", 1).await[0]["status"], 0);
    assert_eq!(
        (&row["status"], &row["outcome"]),
        (&json!("completed"), &json!("delivered"))
    );
    assert_eq!(row["service_flag"], 4);
    let message = Receiving::message(&receiver.client, &row).await;
    assert_eq!(message["text"], "hello €");
    assert_eq!(message["source"], "+4930999");
    let contact = format!("/contacts/{}", row["contact_id"]);
    let contact = receiver.client.get(&contact).await.ok();
    assert_eq!(contact["phone"], "+4930999");
    let result = format!("/transmissions/{}/result", row["transmission_id"]);
    let results = receiver.client.get(&result).await.ok().to_string();
    for expected in [r#""name":"sms_receive""#, r#""data":"success""#, "hello €"] {
        assert!(results.contains(expected), "{results}");
    }
}

#[tokio::test]
async fn who_writes_again_is_the_same_contact_and_a_known_one_is_found() {
    let (receiver, centre) = SmsReceiver::bound().await;
    for word in ["one", "two", "three"] {
        receiver.deliver(&centre, word.as_bytes(), json!({}));
    }
    let known = json!({"first_name": "Ada", "phone": "0049301234"});
    let known = receiver
        .client
        .post("/contacts", known)
        .await
        .id("contact_id");
    receiver.deliver(&centre, b"four", json!({"from": "49301234"}));
    let rows = receiver.receiving.arrived(&receiver.client, 4).await;
    let contacts: std::collections::BTreeSet<_> = rows
        .iter()
        .map(|row| row["contact_id"].as_i64().unwrap())
        .collect();
    assert_eq!(contacts.len(), 2, "{rows:?}");
    assert!(contacts.contains(&known), "{rows:?}");
}

#[tokio::test]
async fn parts_are_put_together_in_any_order_and_other_letters_are_read() {
    let (receiver, centre) = SmsReceiver::bound().await;
    let units: Vec<u8> = "م😀 end"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    // The surrogate pair is split between the parts.
    for (number, octets) in [(2, &units[4..]), (1, &units[..4])] {
        let header = [5, 0, 3, 9, 2, number];
        let more = json!({"esm_class": 0x40, "coding": 8});
        receiver.deliver(&centre, &[&header[..], octets].concat(), more);
    }
    assert_eq!(receiver.texts(1).await, ["م😀 end"]);
    for answer in centre.said("delivered", 2).await {
        assert_eq!(answer["status"], 0);
    }
}

#[tokio::test]
async fn a_message_that_is_brought_again_is_taken_in_once() {
    let (receiver, centre) = SmsReceiver::bound().await;
    // The connection may break before the response to the first one arrives.
    receiver.deliver(&centre, b"yes", json!({"then_drop": true}));
    centre.said("bind", 2).await;
    receiver.deliver(&centre, b"yes", json!({}));
    let answers = centre.said("delivered", 1).await;
    assert!(
        answers.iter().all(|answer| answer["status"] == 0),
        "{answers:?}"
    );
    receiver.deliver(&centre, b"no", json!({}));
    assert_eq!(receiver.texts(2).await, ["yes", "no"]);
}

#[tokio::test]
async fn the_same_words_said_again_later_are_another_message() {
    let (receiver, centre) = SmsReceiver::bound().await;
    receiver.deliver(&centre, b"yes", json!({}));
    receiver.texts(1).await;
    // Until the acknowledgement counts as received, the same words are taken for a repetition.
    let texts = eventually("another message", seconds(60), async || {
        tokio::time::sleep(seconds(1)).await;
        receiver.deliver(&centre, b"yes", json!({}));
        let count = receiver.receiving.rows(&receiver.client).await.len();
        (count > 1).then_some(count)
    });
    let count = texts.await;
    assert!(receiver.texts(count).await.iter().all(|text| text == "yes"));
}

#[tokio::test]
async fn sms_to_an_unknown_number_is_rejected() {
    let (receiver, centre) = SmsReceiver::bound().await;
    receiver.deliver(&centre, b"hi", json!({"to": "4930000000"}));
    let answers = centre.said("delivered", 1).await;
    assert_eq!(answers[0]["status"], 0x65, "{answers:?}");
    let by = receiver.receiving.kannel(&receiver.client).await;
    let mut elsewhere = receiver.receiving.clone();
    elsewhere.address = "+4930000000".to_owned();
    assert_eq!(elsewhere.brought(&by, "from=1&data=hi").await, 404);
    assert!(receiver.receiving.rows(&receiver.client).await.is_empty());
}

#[tokio::test]
async fn one_who_does_not_know_the_password_brings_nothing() {
    let receiver = SmsReceiver::open().await;
    let mut by = receiver.receiving.kannel(&receiver.client).await;
    by.password = "guessed";
    assert_eq!(receiver.receiving.brought(&by, "from=1&data=hi").await, 401);
    by.provider_id += 1_000;
    assert_eq!(receiver.receiving.brought(&by, "from=1&data=hi").await, 401);
    by = receiver.receiving.kannel(&receiver.client).await;
    assert_eq!(receiver.receiving.brought(&by, "from=1").await, 400);
    assert!(receiver.receiving.rows(&receiver.client).await.is_empty());
}

#[tokio::test]
async fn kannel_brings_short_long_and_other_letters_once_each() {
    let receiver = SmsReceiver::open().await;
    let by = receiver.receiving.kannel(&receiver.client).await;
    let centre = Centre::start(&json!({"password": "s3same"}));
    let base = receiver
        .client
        .url
        .strip_suffix("/api")
        .unwrap_or(&receiver.client.url);
    let url = base.replacen("http://", &format!("http://kannel:{}@", by.password), 1);
    let url = format!(
        "{url}/callbacks/sms/{}?from=%p&to=%P&coding=%c&charset=%C&data=%b&udh=%u&id=%I",
        by.provider_id
    );
    let _kannel = Kannel::bringing(centre.port, &url).await;
    centre.said("bind", 1).await;
    let unicode: Vec<u8> = "م😀".encode_utf16().flat_map(u16::to_be_bytes).collect();
    receiver.deliver(&centre, b"hello \x1b\x65", json!({}));
    receiver.deliver(&centre, &unicode, json!({"coding": 8}));
    for number in 1..=3_u8 {
        let part = [&[5, 0, 3, 77, 3, number][..], &[b'a' + number; 150]].concat();
        receiver.deliver(&centre, &part, json!({"esm_class": 0x40}));
    }
    let long = ["b", "c", "d"].map(|letter| letter.repeat(150)).concat();
    let mut texts: Vec<String> = receiver
        .texts(3)
        .await
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect();
    texts.sort_unstable();
    assert_eq!(texts, [long, "hello €".to_owned(), "م😀".to_owned()]);
}

#[tokio::test]
async fn what_kannel_brings_again_because_our_answer_was_lost_is_taken_in_once() {
    let receiver = SmsReceiver::open().await;
    let by = receiver.receiving.kannel(&receiver.client).await;
    let centre = Centre::start(&json!({}));
    let lossy = Lossy::before(&receiver.client.url).await;
    let url = format!(
        "http://kannel:{}@{}/callbacks/sms/{}?from=%p&to=%P&coding=%c&charset=%C&data=%b&id=%I",
        by.password, lossy.address, by.provider_id
    );
    let _kannel = Kannel::bringing(centre.port, &url).await;
    centre.said("bind", 1).await;
    receiver.deliver(&centre, b"again", json!({}));
    receiver.deliver(&centre, b"again", json!({}));
    // Kannel delivers both messages twice, since the first answers are lost.
    eventually("Kannel brings them again", seconds(30), async || {
        (lossy.brought() >= 4).then_some(())
    })
    .await;
    let rows = receiver.receiving.arrived(&receiver.client, 2).await;
    assert_eq!(rows.len(), 2, "{rows:?}");
}

#[tokio::test]
async fn of_many_at_once_each_is_taken_in_once_whatever_stands_among_them() {
    let receiver = SmsReceiver::open().await;
    let by = &receiver.receiving.kannel(&receiver.client).await;
    let receiving = &receiver.receiving;
    // Thirty messages, each twice: ten from one new sender, ten from a new sender each, ten
    // opt-outs of a third sender.
    let queries = (0..60).map(|number| match number % 30 {
        at @ 0..10 => format!("from=%2B4917100&data=hello&id=same-{at}"),
        at @ 10..20 => format!("from=%2B49172{at}&data=hello&id=new-{at}"),
        at => format!("from=%2B4917300&data=STOP&id=stop-{at}"),
    });
    let answers = queries.map(async |query| receiving.brought(by, &query).await);
    let answers = futures::future::join_all(answers).await;
    assert!(answers.iter().all(StatusCode::is_success), "{answers:?}");
    // A number at which no account receives.
    let mut elsewhere = receiving.clone();
    elsewhere.address = "+4900000".to_owned();
    let refused = elsewhere.brought(by, "from=%2B49174&data=hello&id=x").await;
    assert_eq!(refused, StatusCode::NOT_FOUND);

    let rows = receiving.arrived(&receiver.client, 30).await;
    assert_eq!(rows.len(), 30);
    let contacts: HashSet<_> = rows.iter().map(|row| row["contact_id"].as_i64()).collect();
    assert_eq!(contacts.len(), 12);
    let listed = eventually("the list is closed", seconds(20), async || {
        let listed = receiver.client.get("/optouts").await.ok();
        (listed != json!([])).then_some(listed)
    })
    .await;
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
}

#[tokio::test]
async fn parts_that_come_again_are_known_and_others_under_their_number_are_not() {
    let receiver = SmsReceiver::open().await;
    let by = receiver.receiving.kannel(&receiver.client).await;
    let part = |number: u8, said: &str| {
        format!("from=%2B4930999&coding=0&data={said}&udh=%05%00%03%07%02%0{number}")
    };
    for (number, said) in [
        (1, "one+"),
        (2, "two"),
        // A repetition, as after a lost response.
        (2, "two"),
        // The sender has wrapped around to the same reference.
        (1, "three+"),
        (2, "four"),
        // Again, before all parts had arrived.
        (1, "five+"),
        (1, "six+"),
        (2, "seven"),
    ] {
        receiver.receiving.bring(&by, &part(number, said)).await;
    }
    let rows = receiver.receiving.arrived(&receiver.client, 4).await;
    let mut texts = Vec::new();
    for row in &rows {
        let message = Receiving::message(&receiver.client, row).await;
        texts.push(message["text"].as_str().unwrap().to_owned());
    }
    texts.sort();
    assert_eq!(texts, ["five ", "one two", "six seven", "three four"]);
}

/// Delivers a message with this password; answers the status and `Retry-After`.
async fn knock(url: &str, provider: i64, password: &str) -> (u16, Option<u64>) {
    let url = format!("{url}/callbacks/sms/{provider}?from=1&to=2&data=x");
    let request = reqwest::Client::new().get(url);
    let answer = request.basic_auth("kannel", Some(password)).send().await;
    let answer = answer.unwrap();
    let wait = answer.headers().get("retry-after");
    let wait = wait.and_then(|wait| wait.to_str().ok()?.parse().ok());
    (answer.status().as_u16(), wait)
}

#[tokio::test]
async fn guesses_at_a_providers_password_are_limited() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let receiving = Receiving::sms(&admin).await;
    let (by, other) = (
        receiving.kannel(&admin).await,
        receiving.kannel(&admin).await,
    );
    let (url, start) = (admin.url.as_str(), Instant::now());
    let guesses = (0..400).map(|n| async move {
        let password = format!("{n:04}");
        knock(url, by.provider_id, &password).await
    });
    let answers = futures::future::join_all(guesses).await;
    let checked = answers.iter().filter(|(status, _)| *status == 401).count();
    // A burst of ten, and then one in five seconds.
    let allowed = 10 + start.elapsed().as_secs() as usize / 5 + 2;
    assert!((10..=allowed).contains(&checked), "{checked} of {allowed}");
    for (status, wait) in answers {
        assert!([401, 429].contains(&status), "{status}");
        assert_eq!(status == 429, wait.is_some());
    }
    // Another provider is not limited, and this one is accepted once its limit allows.
    assert_eq!(knock(url, other.provider_id, other.password).await.0, 404);
    let status = eventually("the right password is accepted", seconds(60), async || {
        let (status, wait) = knock(url, by.provider_id, by.password).await;
        if status == 429 {
            tokio::time::sleep(seconds(wait.unwrap_or(1))).await;
        }
        (status != 429).then_some(status)
    })
    .await;
    // No account has the number 2, which is checked after the password.
    assert_eq!(status, 404);
}
