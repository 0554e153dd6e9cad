//! The rules for passwords and usernames.

use serde_json::json;

use crate::harness::{
    Answer, Client, Database, Server, Setup, USER_PASSWORD, eventually, seconds, unique_name,
};

async fn import(client: &Client, file: String) -> Answer {
    let request = client.request("POST", "/users/csv");
    let request = request.header("content-type", "text/csv");
    client.send(request.body(file)).await
}

/// Asserts that this password is refused for a user, on every way to set one.
async fn assert_refused(admin: &Client, name: &str, password: &str) {
    let body = json!({"username": name, "passwd": password});
    let refused = admin.post("/users", body).await;
    refused.expect(412);
    assert_eq!(refused.fields(), ["passwd"]);
    let said = import(admin, format!("username,passwd\n{name},{password}\n"))
        .await
        .ok();
    assert_eq!(
        (&said["created"], &said["rejected"]),
        (&json!(0), &json!(1)),
        "{said}"
    );

    let there = json!({"username": name, "passwd": USER_PASSWORD});
    let id = admin.post("/users", there).await.id("user_id");
    for (path, field) in [
        (format!("/users/{id}"), "passwd"),
        (format!("/users/{id}/password"), "password"),
    ] {
        let refused = admin.put(&path, json!({field: password})).await;
        refused.expect(412);
        assert_eq!(refused.fields(), [field], "{path}");
    }
    admin.delete(&format!("/users/{id}")).await.ok();
}

#[tokio::test]
async fn a_password_has_eight_characters_and_is_not_the_username() {
    let admin = Server::shared().await.admin().await;
    let name = unique_name("weak");
    for password in ["short12", "ÄÖÜäöüß", &name, &name.to_uppercase()] {
        assert_refused(&admin, &name, password).await;
    }
    let new = json!({"username": "renamed-to-this", "password": "Renamed-to-This"});
    let user = json!({"username": name, "passwd": USER_PASSWORD});
    let id = admin.post("/users", user).await.id("user_id");
    let path = format!("/users/{id}");
    assert_eq!(admin.put(&path, new).await.fields(), ["password"]);
    assert_eq!(admin.get(&path).await.ok()["username"], name);
}

#[tokio::test]
async fn the_examples_of_the_documents_are_passwords() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let name = unique_name("example");
    let user = json!({"username": name, "passwd": "password", "active": 1});
    let id = admin.post("/users", user).await.id("user_id");
    server.stranger().login(&name, "password").await;
    let path = format!("/users/{id}/password");
    admin.put(&path, json!({"password": "mysecret"})).await.ok();
    server.stranger().login(&name, "mysecret").await;
}

#[tokio::test]
async fn strict_refuses_common_passwords() {
    let database = Database::create().await;
    let server = Setup::on(&database)
        .set("PASSWORD_POLICY", "strict")
        .start()
        .await;
    let admin = server.admin().await;
    let name = unique_name("strict");
    for password in ["password", "MySecret", "iloveyou", "short12"] {
        assert_refused(&admin, &name, password).await;
    }
}

#[tokio::test]
async fn the_first_user_needs_a_password_that_may_be_set() {
    let database = Database::create().await;
    let server = Setup::on(&database).set("ADMIN_PASSWORD", "Admin").spawn();
    eventually("the start is refused", seconds(60), async || {
        let log = server.log();
        log.contains("LEDGERLINE_ADMIN_PASSWORD: must have at least 8 characters")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_username_is_not_given_a_colon() {
    let admin = Server::shared().await.admin().await;
    let name = unique_name("colon");
    let with_colon = format!("{name}:basic");
    let refused = admin
        .post(
            "/users",
            json!({"username": with_colon, "passwd": USER_PASSWORD}),
        )
        .await;
    refused.expect(412);
    assert_eq!(refused.fields(), ["username"]);
    let file = format!("username,passwd\n{with_colon},{USER_PASSWORD}\n");
    assert_eq!(import(&admin, file).await.ok()["rejected"], 1);
    let user = json!({"username": name, "passwd": USER_PASSWORD});
    let id = admin.post("/users", user).await.id("user_id");
    let renamed = admin
        .put(&format!("/users/{id}"), json!({"username": with_colon}))
        .await;
    renamed.expect(412);
}
