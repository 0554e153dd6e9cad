//! The role of a new user.

use serde_json::{Value, json};

use crate::harness::{Client, Server, USER_PASSWORD, unique_name};

/// A user created by this client, with or without a role in the body.
async fn created(server: &Server, by: &Client, role: Option<Value>) -> Client {
    let name = unique_name("new");
    let mut user = json!({"username": name, "passwd": USER_PASSWORD, "active": 1});
    if let Some(role) = role {
        user["role"] = role;
    }
    let id = by.post("/users", user).await.id("user_id");
    let client = server.stranger().login(&name, USER_PASSWORD).await;
    client.known_as(id)
}

/// A user who may create users and holds these permissions too.
async fn clerk(server: &Server, permissions: &[&str]) -> Client {
    let clerk = server.user(&[]).await;
    for name in ["user_create"].iter().chain(permissions) {
        let id = server.permission_id(name).await;
        let path = format!("/users/{}/permissions/{id}", clerk.user_id);
        server.admin().await.put(&path, json!({})).await.ok();
    }
    clerk
}

#[tokio::test]
async fn a_new_user_can_work_at_once() {
    let server = Server::shared().await;
    let user = created(server, &server.admin().await, None).await;
    let contact = user.contact("first@example.com").await;
    user.get(&format!("/contacts/{contact}")).await.ok();
    assert_eq!(user.get("/roles").await.status, 403);
}

#[tokio::test]
async fn a_role_is_given_by_name_or_id_or_not_at_all() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let name = unique_name("Readers");
    let role = admin
        .post("/roles", json!({"name": name}))
        .await
        .id("role_id");
    let permission = server.permission_id("contact_list").await;
    let path = format!("/roles/{role}/permissions/{permission}");
    admin.put(&path, json!({})).await.ok();
    for given in [
        json!(name.to_lowercase()),
        json!(role),
        json!(role.to_string()),
    ] {
        let user = created(server, &admin, Some(given)).await;
        assert_eq!(user.get("/contacts").await.status, 200);
        assert_eq!(user.get("/templates").await.status, 403);
    }
    let none = created(server, &admin, Some(Value::Null)).await;
    assert_eq!(none.get("/contacts").await.status, 403);
    for unknown in [json!("nonesuch"), json!(999_999)] {
        let user = json!({"username": "x", "passwd": USER_PASSWORD, "role": unknown});
        let refused = admin.post("/users", user).await;
        refused.expect(412);
        assert_eq!(refused.fields(), ["role"]);
    }
}

#[tokio::test]
async fn nobody_gives_a_new_user_a_role_they_do_not_cover() {
    let server = Server::shared().await;
    let clerk = clerk(server, &["contact"]).await;
    let name = unique_name("risen");
    let admin = json!({"username": name, "passwd": USER_PASSWORD, "role": "admin"});
    clerk.post("/users", admin).await.expect(403);
    let found = server
        .admin()
        .await
        .get(&format!("/users?username={name}"))
        .await;
    assert_eq!(found.ok(), json!([]));
    // The default role is not given either.
    let plain = created(server, &clerk, None).await;
    assert_eq!(plain.get("/contacts").await.status, 403);
}

#[tokio::test]
async fn changing_a_user_does_not_change_their_role() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let user = created(server, &admin, None).await;
    let path = format!("/users/{}", user.user_id);
    admin.put(&path, json!({"role": "admin"})).await.ok();
    assert_eq!(user.get("/roles").await.status, 403);
}
