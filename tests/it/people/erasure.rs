//! Erasure: no data of an erased person is left in the database or the API.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::harness::{
    MailRecorder, Mailing, ReadModels, Server, Setup, binary, eventually, free_port, seconds,
    smtp_provider,
};

const FIRST_NAME: &str = "Xanthippe";
const ADDRESS: &str = "9 Zebrawood Crescent";
const NOTE: &str = "quokkalike";
const PHONE: &str = "4915735980417";

/// The content of the database, by `pg_dump`.
fn dump(server: &Server) -> String {
    let options = server.database();
    let socket = options.get_socket().expect("a socket");
    let output = Command::new(binary("pg_dump"))
        .arg("--host")
        .arg(socket)
        .args([
            "--port",
            &options.get_port().to_string(),
            "--username",
            "ledgerline",
        ])
        .arg(options.get_database().unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn assert_nothing_of(server: &Server, strings: &[&str]) {
    let dump = dump(server).to_lowercase();
    for string in strings {
        let plain = string.to_lowercase();
        let hex: String = string.bytes().map(|byte| format!("{byte:02x}")).collect();
        for form in [plain, hex] {
            let at = dump.find(&form);
            let around = at.map(|at| dump.get(at.saturating_sub(300)..(at + 60).min(dump.len())));
            assert!(at.is_none(), "{string} is in the database: {around:?}");
        }
    }
}

async fn contact(server: &Server, email: &str) -> (Mailing, i64) {
    let admin = server.admin().await;
    let mailing = Mailing::saying(
        &admin,
        json!({"subject": "For [contact:first_name]", "body": "<p>[contact:address] [contact:description]</p>"}),
    )
    .await;
    let body = json!({
        "first_name": FIRST_NAME, "phone": PHONE, "email": email, "address": ADDRESS, "description": NOTE,
    });
    (
        mailing,
        admin.post("/contacts", body).await.id("contact_id"),
    )
}

#[tokio::test]
async fn an_erased_contact_is_in_no_table_after_a_send_through_the_sandbox() {
    let server = Setup::embedded().start().await;
    let (mailing, id) = contact(&server, "pangolin77@burrow.example").await;
    let transmission = mailing.to(id).await;
    mailing.send(transmission).await;
    mailing.ended(transmission).await;
    let outbox = mailing.client.get("/sandbox/outbox").await.text();
    assert!(outbox.contains(FIRST_NAME), "it was there before: {outbox}");

    mailing
        .client
        .delete(&format!("/contacts/{id}?erase=true"))
        .await
        .ok();

    assert_nothing_of(&server, &[FIRST_NAME, "pangolin77", ADDRESS, NOTE, PHONE]);
    ReadModels::assert_whole(&server).await;
    assert_nothing_of(&server, &[FIRST_NAME, "pangolin77", ADDRESS, NOTE, PHONE]);
}

#[tokio::test]
async fn an_erased_contact_is_in_no_table_where_the_mail_server_repeated_the_address() {
    let server = Server::alone().await;
    let recorder = MailRecorder::start(0);
    smtp_provider(&server.admin().await, recorder.port, 2).await;
    let (mailing, id) = contact(&server, "echo+axolotl88@pond.example").await;
    let transmission = mailing.to(id).await;
    mailing.send(transmission).await;
    let ended = mailing.ended(transmission).await;
    assert!(
        ended["response"].as_str().unwrap().contains("axolotl88"),
        "{ended}"
    );

    mailing
        .client
        .delete(&format!("/contacts/{id}?erase=true"))
        .await
        .ok();

    assert_nothing_of(&server, &[FIRST_NAME, "axolotl88", ADDRESS, NOTE, PHONE]);
    let read = mailing
        .client
        .get(&format!("/transmissions/{transmission}"))
        .await;
    assert!(!read.text().contains("axolotl88"), "{}", read.text());
    ReadModels::assert_whole(&server).await;
    assert_nothing_of(&server, &[FIRST_NAME, "axolotl88", ADDRESS, NOTE, PHONE]);
}

#[tokio::test]
async fn the_command_line_erases_as_well_and_others_stay() {
    let server = Server::alone().await;
    let (mailing, id) = contact(&server, "narwhal99@sea.example").await;
    let other = mailing.client.contact("stays@sea.example").await;
    server.run_ok(&["erase", "contact", &id.to_string()]);
    eventually("the contact is gone", seconds(5), async || {
        (mailing.client.get(&format!("/contacts/{id}")).await.status == 404).then_some(())
    })
    .await;
    assert_nothing_of(&server, &[FIRST_NAME, "narwhal99", ADDRESS]);
    let other = mailing.client.get(&format!("/contacts/{other}")).await.ok();
    assert_eq!(other["email"], "stays@sea.example");
}

#[tokio::test]
async fn an_erased_contact_cannot_be_written_to_any_more() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let id = user.contact("late@example.com").await;
    let transmission = mailing.to(id).await;
    user.delete(&format!("/contacts/{id}?erase=true"))
        .await
        .ok();
    let refused = user
        .post(&format!("/transmissions/{transmission}/send"), json!({}))
        .await;
    assert!([404, 423].contains(&refused.status), "{}", refused.text());
}

#[tokio::test]
async fn a_mail_that_waits_for_its_next_attempt_is_not_sent_to_whoever_was_erased_meanwhile() {
    let server = Setup::embedded()
        .set("RETRY_BASE_SECONDS", "1")
        .start()
        .await;
    let admin = server.admin().await;
    smtp_provider(&admin, free_port(), 1).await;
    let mailing = Mailing::new(&admin).await;
    let id = admin.contact("okapi55@forest.example").await;
    let transmission = mailing.to(id).await;
    mailing.send(transmission).await;
    eventually("an attempt found nobody", seconds(20), async || {
        let attempts = mailing.attempts(transmission).await;
        attempts
            .iter()
            .any(|it| it["status"] == "failed")
            .then_some(())
    })
    .await;

    admin
        .delete(&format!("/contacts/{id}?erase=true"))
        .await
        .ok();
    let recorder = MailRecorder::start(0);
    smtp_provider(&admin, recorder.port, 1).await;

    let ended = mailing.ended(transmission).await;
    assert_eq!(ended["status"], "failed", "{ended}");
    assert_eq!(recorder.count(), 0, "{:?}", recorder.mails());
}
