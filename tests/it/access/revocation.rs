//! Revocation of logins takes effect at once.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::harness::{Client, Server, USER_PASSWORD, unique_name};

/// A user who has logged in both ways: the client with the token, and the Basic header.
async fn both_ways(server: &Server) -> (Client, String) {
    let name = unique_name("both");
    let user = server.named_user(&name, &["user"]).await;
    let basic = format!(
        "Basic {}",
        STANDARD.encode(format!("{name}:{USER_PASSWORD}"))
    );
    assert_eq!(basic_status(server, &basic).await, 200);
    assert_eq!(user.get("/contacts").await.status, 200);
    (user, basic)
}

async fn basic_status(server: &Server, basic: &str) -> u16 {
    let stranger = server.stranger();
    let request = stranger
        .request("GET", "/contacts")
        .header("authorization", basic);
    stranger.send(request).await.status
}

async fn statuses_after(path: &str, body: Value) -> (u16, u16) {
    let server = Server::shared().await;
    let (user, basic) = both_ways(server).await;
    let path = path.replace("{}", &user.user_id.to_string());
    server.admin().await.put(&path, body).await.ok();
    (
        user.get("/contacts").await.status,
        basic_status(server, &basic).await,
    )
}

#[tokio::test]
async fn a_changed_password_ends_every_token_and_the_old_password() {
    let body = json!({"password": "another-9-long-one"});
    assert_eq!(statuses_after("/users/{}/password", body).await, (401, 401));
}

#[tokio::test]
async fn a_password_changed_by_update_ends_them_too() {
    let body = json!({"passwd": "another-9-long-one"});
    assert_eq!(statuses_after("/users/{}", body).await, (401, 401));
}

#[tokio::test]
async fn deactivation_ends_every_token_and_the_password() {
    assert_eq!(
        statuses_after("/users/{}", json!({"active": 0})).await,
        (401, 401)
    );
}

#[tokio::test]
async fn deletion_ends_every_token_and_the_password() {
    let server = Server::shared().await;
    let (user, basic) = both_ways(server).await;
    server
        .admin()
        .await
        .delete(&format!("/users/{}", user.user_id))
        .await
        .ok();
    assert_eq!(user.get("/contacts").await.status, 401);
    assert_eq!(basic_status(server, &basic).await, 401);
}

#[tokio::test]
async fn cancel_ends_this_token_and_no_other() {
    let server = Server::shared().await;
    let name = unique_name("cancel");
    let first = server.named_user(&name, &["user"]).await;
    let second = server.stranger().login(&name, USER_PASSWORD).await;
    first.post("/authenticate/cancel", json!({})).await.ok();
    assert_eq!(first.get("/contacts").await.status, 401);
    assert_eq!(second.get("/contacts").await.status, 200);
}

#[tokio::test]
async fn a_role_taken_away_takes_its_permissions_at_once() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let role = server.role_id("user").await;
    let path = format!("/users/{}/roles/{role}", user.user_id);
    server.admin().await.delete(&path).await.ok();
    assert_eq!(user.get("/contacts").await.status, 403);
}

#[tokio::test]
async fn it_holds_on_another_node_within_a_second() {
    let database = crate::harness::Database::create().await;
    let one = crate::harness::Setup::on(&database).start().await;
    let other = crate::harness::Setup::on(&database).start().await;
    let user = one.user(&["user"]).await;
    let there = other.stranger().with_token(user.token());
    crate::harness::eventually(
        "the token holds there",
        crate::harness::seconds(5),
        async || (there.get("/contacts").await.status == 200).then_some(()),
    )
    .await;
    one.admin()
        .await
        .put(&format!("/users/{}", user.user_id), json!({"active": 0}))
        .await
        .ok();
    // Revocation is guaranteed within one second after the answer.
    tokio::time::sleep(crate::harness::seconds(1)).await;
    assert_eq!(there.get("/contacts").await.status, 401);
}
