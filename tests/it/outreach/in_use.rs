//! Messages and accounts in use, which are not deleted: 423, with the reason.

use serde_json::{Value, json};

use crate::harness::{Client, Mailing, Server};

async fn user() -> Client {
    Server::shared().await.user(&["user"]).await
}

/// Asserts that the deletion is refused for this reason.
async fn refused(user: &Client, path: &str, reason: &str) {
    let said = user.delete(path).await.expect(423);
    assert_eq!(said["detail"], reason, "{path}");
    user.get(path).await.ok();
}

#[tokio::test]
async fn a_message_is_deleted_once_no_program_names_it() {
    let user = user().await;
    for (path, id, body, program) in [
        (
            "templates",
            "template_id",
            json!({"name": "t", "subject": "Hi", "body": "<p>Hi</p>"}),
            "sendemail",
        ),
        (
            "texts",
            "text_id",
            json!({"name": "t", "data": "Hi"}),
            "sendsms",
        ),
        ("documents", "document_id", json!({"name": "t"}), "sendfax"),
        (
            "recordings",
            "recording_id",
            json!({"name": "t"}),
            "voicemessage",
        ),
    ] {
        let message = user.post(&format!("/messages/{path}"), body).await.id(id);
        let program = format!("/programs/{program}");
        let mut programs = Vec::new();
        for _ in 0..2 {
            let created = user.post(&program, json!({ id: message })).await;
            programs.push(created.id("program_id"));
        }
        let message = format!("/messages/{path}/{message}");
        refused(&user, &message, "2 programs name this message").await;
        user.delete(&format!("/programs/{}", programs[0]))
            .await
            .ok();
        refused(&user, &message, "1 program names this message").await;
        user.delete(&format!("/programs/{}", programs[1]))
            .await
            .ok();
        user.delete(&message).await.ok();
        user.get(&message).await.expect(404);
    }
}

#[tokio::test]
async fn an_account_is_deleted_once_nothing_names_it() {
    let user = user().await;
    let accounts: Value = user.get("/accounts").await.ok();
    let account = accounts[0]["account_id"].as_i64().unwrap();
    let path = format!("/accounts/{account}");
    let receives = json!({"account_id": account});
    let program = user.post("/programs/receivesms", receives).await;
    let program = format!("/programs/{}", program.id("program_id"));
    let mailing = Mailing::new(&user).await;
    let contact = user.contact("waiting@example.com").await;
    let transmission = json!({
        "title": "t", "contact_id": contact, "program_id": mailing.program_id,
        "account_id": account,
    });
    let transmission = user.post("/transmissions", transmission).await;
    let transmission = format!("/transmissions/{}", transmission.id("transmission_id"));

    let admin = Server::shared().await.admin().await;
    let pending = "1 transmission as this account has not ended";
    refused(&admin, &path, pending).await;
    user.delete(&transmission).await.ok();
    refused(&admin, &path, "1 program names this account").await;
    user.delete(&program).await.ok();
    admin.delete(&path).await.ok();
}
