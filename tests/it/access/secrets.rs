//! Secrets are accepted, and never shown or logged.

use serde_json::json;

use crate::harness::{ADMIN_PASSWORD, EventLog, Server, USER_PASSWORD, unique_name};

const PROVIDER_PASSWORD: &str = "provider-secret-7f3a";
const ACCOUNT_PASSWORD: &str = "account-secret-91bc";
const CHANGED_PASSWORD: &str = "changed-secret-55de";

#[tokio::test]
async fn no_secret_is_in_an_answer_an_event_a_table_or_the_log() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let name = unique_name("secretive");
    let user = server.named_user(&name, &["user"]).await;
    let body = json!({"password": CHANGED_PASSWORD});
    admin
        .put(&format!("/users/{}/password", user.user_id), body)
        .await
        .ok();
    let provider = json!({
        "name": name, "type": "smtp", "host": "127.0.0.1", "port": 9, "active": 0,
        "username": "sender", "password": PROVIDER_PASSWORD,
    });
    let provider = admin.post("/providers", provider).await.id("provider_id");
    let account = json!({"username": unique_name("account"), "passwd": ACCOUNT_PASSWORD, "passwd_pin": "918273"});
    let account = admin.post("/accounts", account).await.id("account_id");
    // A malformed body, which could be logged together with its content.
    let wrong = format!("{{\"username\": \"admin\", \"password\": \"{ADMIN_PASSWORD}\", oops");
    let request = server
        .stranger()
        .request("POST", "/authenticate")
        .header("content-type", "application/json");
    assert_eq!(
        server.stranger().send(request.body(wrong)).await.status,
        412
    );
    server.stranger().login(&name, CHANGED_PASSWORD).await;

    let mut seen = Vec::new();
    for path in [
        "/users",
        &format!("/users/{}", user.user_id),
        "/providers",
        &format!("/providers/{provider}"),
        "/accounts",
        &format!("/accounts/{account}"),
        "/events",
        "/readyz",
        "/metrics",
    ] {
        seen.push((path.to_owned(), admin.get(path).await.text()));
    }
    seen.push((
        "the log's table".to_owned(),
        EventLog::open(&server).await.text().await,
    ));
    seen.push(("the server's output".to_owned(), server.log()));
    seen.push((
        "ledgerline events".to_owned(),
        server.run_ok(&["events", "--format", "json"]),
    ));
    for secret in [
        ADMIN_PASSWORD,
        USER_PASSWORD,
        CHANGED_PASSWORD,
        PROVIDER_PASSWORD,
        ACCOUNT_PASSWORD,
        "918273",
    ] {
        for (place, text) in &seen {
            assert!(!text.contains(secret), "{secret} is in {place}");
        }
    }
    let hashes = seen.iter().filter(|(_, text)| text.contains("$argon2"));
    assert_eq!(
        hashes.map(|(place, _)| place).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
}

#[tokio::test]
async fn a_secret_is_no_filter() {
    let admin = Server::shared().await.admin().await;
    for path in [
        "/users?passwd=x",
        "/accounts?passwd_pin=1",
        "/accounts?passwd=x",
        "/providers?password=x",
    ] {
        assert_eq!(admin.get(path).await.status, 412, "{path}");
    }
}
