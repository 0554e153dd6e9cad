//! Behaviours of the receiving mail server.

use serde_json::{Value, json};

use crate::harness::{
    Database, MailRecorder, Mailing, Server, Setup, free_port, smtp_provider_within,
};

/// The default deadline of mails: a day, in seconds.
const LONG: u32 = 86_400;
/// A deadline, in seconds, for two attempts a second apart on a busy machine.
const SHORT: u32 = 25;

/// Sends to this recipient of the recorder; answers the transmission after its end, and its
/// attempts.
async fn sent_to(recipient: &str) -> (MailRecorder, Value, Vec<Value>) {
    sent_within(LONG, recipient).await
}

/// Sends as [`sent_to`] does, with this deadline in seconds.
async fn sent_within(deadline: u32, recipient: &str) -> (MailRecorder, Value, Vec<Value>) {
    let recorder = MailRecorder::start(0);
    let (server, mailing) = sender(recorder.port, deadline).await;
    let transmission = mailing.send_to(recipient).await;
    let ended = mailing.ended(transmission).await;
    let attempts = mailing.attempts(transmission).await;
    drop(server);
    (recorder, ended, attempts)
}

async fn sender(port: u16, deadline: u32) -> (Server, Mailing) {
    let database = Database::create().await;
    let server = Setup::on(&database)
        .set("RETRY_BASE_SECONDS", "1")
        .set("TRY_EMAIL_DEADLINE_SECONDS", &deadline.to_string())
        .start()
        .await;
    let admin = server.admin().await;
    smtp_provider_within(30, &admin, port, 1).await;
    let mailing = Mailing::new(&admin).await;
    (server, mailing)
}

#[tokio::test]
async fn a_5xx_is_final_and_in_the_report() {
    let (recorder, ended, attempts) = sent_to("refuse@example.com").await;
    assert_eq!((&ended["outcome"], attempts.len()), (&json!("rejected"), 1));
    assert!(
        ended["response"]
            .as_str()
            .unwrap()
            .contains("no such mailbox"),
        "{ended}"
    );
    assert_eq!(recorder.count(), 0);
}

#[tokio::test]
async fn a_greylisted_mail_arrives_with_the_second_attempt() {
    let (recorder, ended, attempts) = sent_to("grey@example.com").await;
    assert_eq!(
        (&ended["outcome"], attempts.len()),
        (&json!("delivered"), 2)
    );
    assert_eq!(attempts[0]["outcome"], "unavailable");
    assert!(
        attempts[0]["response"]
            .as_str()
            .unwrap()
            .contains("greylisted"),
        "{attempts:?}"
    );
    assert_eq!(recorder.count(), 1);
}

#[tokio::test]
async fn a_4xx_that_stays_ends_at_the_deadline_with_its_cause() {
    let (recorder, ended, attempts) = sent_within(SHORT, "defer@example.com").await;
    assert_eq!(ended["outcome"], "unavailable", "{ended}");
    assert!(attempts.len() >= 2, "{attempts:?}");
    assert!(
        ended["response"].as_str().unwrap().contains("451"),
        "{ended}"
    );
    assert_eq!(recorder.count(), 0);
}

#[tokio::test]
async fn a_drop_in_the_middle_of_data_is_unknown_and_not_repeated() {
    let (recorder, ended, attempts) = sent_to("drop@example.com").await;
    assert_eq!((&ended["outcome"], attempts.len()), (&json!("unknown"), 1));
    assert_eq!(recorder.count(), 0);
}

#[tokio::test]
async fn a_mail_taken_without_a_word_is_unknown_and_not_repeated() {
    let (recorder, ended, attempts) = sent_to("lose@example.com").await;
    assert_eq!((&ended["outcome"], attempts.len()), (&json!("unknown"), 1));
    assert_eq!(recorder.count(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_after_data_is_unknown_when_its_time_is_up() {
    let (recorder, ended, attempts) = sent_to("hang@example.com").await;
    assert_eq!((&ended["outcome"], attempts.len()), (&json!("unknown"), 1));
    assert_eq!(recorder.count(), 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_tried_again() {
    let (_server, mailing) = sender(free_port(), SHORT).await;
    let transmission = mailing.send_to("ada@example.com").await;
    let ended = mailing.ended(transmission).await;
    assert_eq!(ended["outcome"], "unavailable", "{ended}");
    assert!(mailing.attempts(transmission).await.len() >= 2);
}

#[tokio::test]
async fn a_server_that_never_greets_is_unavailable() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (_server, mailing) = sender(silent.local_addr().unwrap().port(), SHORT).await;
    let transmission = mailing.send_to("ada@example.com").await;
    let ended = mailing.ended(transmission).await;
    assert_eq!(ended["outcome"], "unavailable", "{ended}");
}

#[tokio::test]
async fn one_hanging_recipient_does_not_hold_up_the_others() {
    let recorder = MailRecorder::start(0);
    let (server, mailing) = sender(recorder.port, LONG).await;
    smtp_provider_within(30, &server.admin().await, recorder.port, 4).await;
    let hanging = mailing.send_to("hang@example.com").await;
    for n in 0..20 {
        let transmission = mailing.send_to(&format!("quick{n}@example.com")).await;
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }
    assert_eq!(mailing.ended(hanging).await["outcome"], "unknown");
}
