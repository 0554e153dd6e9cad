//! The main use case, end to end: mails from the request to the outcome.

use serde_json::json;

use crate::harness::{
    Database, EventLog, MailRecorder, Mailing, Server, Setup, SmtpSink, eventually, seconds,
    smtp_provider,
};

#[tokio::test]
async fn a_mail_goes_through_the_sandbox_and_is_reported() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let contact = user.contact("ada@example.com").await;
    let transmission = mailing.to(contact).await;
    let fresh = user
        .get(&format!("/transmissions/{transmission}"))
        .await
        .ok();
    assert_eq!(
        (&fresh["status"], &fresh["outcome"]),
        (&json!("pending"), &json!(null))
    );

    let spool = mailing.send(transmission).await;
    let ended = mailing.ended(transmission).await;

    assert_eq!(
        (&ended["status"], &ended["outcome"]),
        (&json!("completed"), &json!("delivered"))
    );
    assert_eq!(ended["try_done"], 1);
    let status = user
        .get(&format!("/transmissions/{transmission}/status"))
        .await
        .ok();
    assert_eq!(
        status,
        json!({"status": "completed", "Status": "completed"})
    );
    let attempts = mailing.attempts(transmission).await;
    assert_eq!(
        (attempts.len(), &attempts[0]["spool_id"]),
        (1, &json!(spool))
    );
    assert!(attempts[0]["time_end"].as_i64() >= attempts[0]["time_start"].as_i64());
    let status = user.get(&format!("/spools/{spool}/status")).await.ok();
    assert_eq!(status, json!({"status": "completed"}));
    for path in [
        format!("/spools/{spool}/result"),
        format!("/transmissions/{transmission}/result"),
    ] {
        let results = user.get(&path).await.ok();
        let sent = results.as_array().unwrap().iter().any(|row| {
            row["type"] == "application" && row["name"] == "email_send" && row["data"] == "success"
        });
        assert!(sent, "{path}: {results}");
    }
    let outbox = user.get("/sandbox/outbox").await.ok();
    assert_eq!(outbox[0]["destination"], "ada@example.com");
    assert_eq!(outbox[0]["subject"], "Hello Ada");
}

#[tokio::test]
async fn a_mail_goes_to_smtp_sink_with_the_servers_words_in_the_report() {
    let server = Server::alone().await;
    let sink = SmtpSink::start().await;
    let admin = server.admin().await;
    let provider = smtp_provider(&admin, sink.port, 2).await;
    let mailing = Mailing::new(&admin).await;

    let transmission = mailing.send_to("grace@example.com").await;
    let ended = mailing.ended(transmission).await;

    assert_eq!(
        (&ended["status"], &ended["outcome"]),
        (&json!("completed"), &json!("delivered"))
    );
    assert!(
        ended["response"].as_str().unwrap().starts_with("250"),
        "{ended}"
    );
    assert_eq!(
        mailing.attempts(transmission).await[0]["provider_id"],
        provider
    );
    let mails = eventually("smtp-sink has written the mail", seconds(5), async || {
        Some(sink.mails())
            .filter(|mails| mails.iter().any(|mail| mail.contains("Subject: Hello Ada")))
    })
    .await;
    assert_eq!(mails.len(), 1);
}

#[tokio::test]
async fn what_is_sent_is_fixed_at_that_moment() {
    let setup = Setup::on(&Database::create().await).set("RETRY_BASE_SECONDS", "1");
    let (server, recorder) = (setup.start().await, MailRecorder::start(0));
    let admin = server.admin().await;
    smtp_provider(&admin, recorder.port, 1).await;
    let mailing = Mailing::new(&admin).await;
    // The mail server defers the first attempt, and meanwhile the template changes.
    let transmission = mailing.send_to("grey@example.com").await;
    let path = format!("/messages/templates/{}", mailing.template_id);
    admin
        .put(&path, json!({"subject": "Changed afterwards"}))
        .await
        .ok();
    mailing.ended(transmission).await;
    let mail = recorder.mail_to("grey@example.com").await;
    assert_eq!(mail.header("subject"), ["Hello Ada"]);
}

#[tokio::test]
async fn without_an_active_provider_nothing_is_queued() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let mailing = Mailing::new(&admin).await;
    let transmission = mailing.to(admin.contact("nowhere@example.com").await).await;
    let refused = admin
        .post(&format!("/transmissions/{transmission}/send"), json!({}))
        .await;
    assert!(
        refused.expect(423)["detail"]
            .as_str()
            .unwrap()
            .contains("provider")
    );
    assert_eq!(EventLog::open(&server).await.count("SpoolQueued").await, 0);
}

#[tokio::test]
async fn what_is_done_cannot_be_sent_again_but_cloned() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let transmission = mailing.send_to("clone@example.com").await;
    mailing.ended(transmission).await;
    let path = format!("/transmissions/{transmission}");
    user.post(&format!("{path}/send"), json!({}))
        .await
        .expect(423);
    let clone = user
        .get(&format!("{path}/clone"))
        .await
        .id("transmission_id");
    assert_ne!(clone, transmission);
    let read = user.get(&format!("/transmissions/{clone}")).await.ok();
    assert_eq!(
        (&read["status"], &read["try_done"]),
        (&json!("pending"), &json!(0))
    );
    mailing.send(clone).await;
    assert_eq!(mailing.ended(clone).await["status"], "completed");
}

#[tokio::test]
async fn an_account_that_is_not_named_is_the_newest_active_one() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let transmission = mailing.send_to("account@example.com").await;
    let ended = mailing.ended(transmission).await;
    let accounts = user.get("/accounts").await.ok();
    assert_eq!(ended["account_id"], accounts[0]["account_id"]);
}

#[tokio::test]
async fn a_transmission_on_the_wire_cannot_be_deleted_and_one_that_ended_can() {
    let (server, recorder) = (Server::alone().await, MailRecorder::start(0));
    let user = server.admin().await;
    smtp_provider(&user, recorder.port, 1).await;
    recorder.hold_after(0);
    let mailing = Mailing::new(&user).await;
    let transmission = mailing.send_to("held@example.com").await;
    recorder.holds(1).await;
    let path = format!("/transmissions/{transmission}");
    user.delete(&path).await.expect(423);
    user.post(&format!("{path}/send"), json!({}))
        .await
        .expect(423);
    recorder.release();
    mailing.ended(transmission).await;
    user.delete(&path).await.ok();
    assert_eq!(user.get(&path).await.status, 404);
}
