//! Attempts to take another user's address, and to keep an address from its owner.

use serde_json::json;

use super::addresses::{
    Verifying, account, assign, mailbox, number, read, receiver, server, texted, written,
};
use crate::harness::{Client, smtp_provider};

async fn put(client: &Client, id: i64, body: serde_json::Value) -> serde_json::Value {
    client.put(&format!("/accounts/{id}"), body).await.ok()
}

#[tokio::test]
async fn a_code_verifies_only_the_address_it_went_to() {
    let desk = Verifying::open().await;
    desk.mails.hold_after(0);
    let (own, target) = (mailbox(), mailbox());
    let id = account(&desk.admin, &desk.user, "email", &own).await;
    // While the code is sent to the user's own mailbox, another address is written.
    let (asked, ()) = tokio::join!(desk.ask(id, json!({"field": "email"})), async {
        desk.mails.holds(1).await;
        put(&desk.user, id, json!({"email": target})).await;
        desk.mails.release();
    });
    asked.expect(412);
    let mail = desk.mails.mail_to(&own).await;
    let text = mail.text.unwrap();
    let code = text.split_whitespace().next().unwrap();
    let proof = json!({"field": "email", "code": code});
    desk.ask(id, proof).await.expect(412);
    let account = read(&desk.user, id).await;
    assert_eq!(
        (&account["email"], &account["email_status"]),
        (&json!(target), &json!("unverified"))
    );
}

#[tokio::test]
async fn a_provider_that_quotes_the_code_tells_nobody() {
    let desk = Verifying::open().await;
    let address = mailbox()
        .replacen('@', "+x@", 1)
        .replacen("box", "quote+box", 1);
    let id = account(&desk.admin, &desk.user, "email", &address).await;
    let refused = desk.ask(id, json!({"field": "email"})).await;
    refused.expect(423);
    let digits = |word: &str| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit());
    let text = refused.text();
    assert!(text.contains("did not take it"), "{text}");
    assert!(
        !text.split(|c: char| !c.is_ascii_digit()).any(digits),
        "{text}"
    );
}

#[tokio::test]
async fn a_provider_that_is_down_costs_no_code() {
    let server = server("verified").await;
    let (admin, user) = (server.admin().await, server.user(&["user"]).await);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    smtp_provider(&admin, port, 2).await;
    let id = account(&admin, &user, "email", &mailbox()).await;
    for _ in 0..5 {
        let path = format!("/accounts/{id}/verify");
        let answer = user.post(&path, json!({"field": "email"})).await;
        answer.expect(423);
    }
}

#[tokio::test]
async fn an_administrator_assigns_the_address_they_name() {
    let server = server("verified").await;
    let (admin, user) = (server.admin().await, server.user(&["user"]).await);
    let (seen, written) = (mailbox(), mailbox());
    let id = account(&admin, &user, "email", &written).await;
    let refused = assign(&admin, id, "email", &seen).await;
    assert_eq!(
        (refused.status, refused.fields()),
        (412, vec!["address".to_owned()])
    );
    assert_eq!(read(&admin, id).await["email_status"], "unverified");
    let assigned = assign(&admin, id, "email", &written.to_uppercase())
        .await
        .ok();
    assert_eq!(assigned["email_status"], "assigned");
}

#[tokio::test]
async fn an_administrator_who_changes_a_name_assigns_nothing() {
    let server = server("verified").await;
    let (admin, user) = (server.admin().await, server.user(&["user"]).await);
    let address = mailbox();
    let id = account(&admin, &user, "email", &address).await;
    let body = json!({"first_name": "Bob", "email": address});
    assert_eq!(put(&admin, id, body).await["email_status"], "unverified");
    let other = json!({"email": mailbox()});
    assert_eq!(put(&admin, id, other).await["email_status"], "assigned");
}

#[tokio::test]
async fn an_address_of_a_deleted_user_can_be_assigned_again() {
    let server = server("verified").await;
    let (admin, user) = (server.admin().await, server.user(&["user"]).await);
    let number = number();
    let before = written(&admin, &user, &number).await;
    assign(&admin, before.account_id, "phone", &number)
        .await
        .ok();
    admin.delete(&format!("/users/{}", user.user_id)).await.ok();
    let left = read(&admin, before.account_id).await;
    assert_eq!(
        (&left["active"], &left["phone_status"]),
        (&json!(0), &json!("unverified"))
    );
    let after = receiver(&admin, &number).await;
    let by = after.kannel(&admin).await;
    assert_eq!(texted(&after, &by, "hello").await, 200);
    after.arrived(&admin, 1).await;
}
