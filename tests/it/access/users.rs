//! `/users`, `/roles`, `/permissions`.

use serde_json::json;

use crate::harness::{Server, USER_PASSWORD, unique_name};

#[tokio::test]
async fn an_inactive_user_cannot_log_in_until_active() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let name = unique_name("asleep");
    let body = json!({"username": name, "password": USER_PASSWORD});
    let id = admin.post("/users", body.clone()).await.id("user_id");
    assert_eq!(admin.get(&format!("/users/{id}")).await.ok()["active"], 0);
    assert_eq!(
        server
            .stranger()
            .post("/authenticate", body.clone())
            .await
            .status,
        401
    );
    admin
        .put(&format!("/users/{id}"), json!({"active": "1"}))
        .await
        .ok();
    server.stranger().post("/authenticate", body).await.ok();
}

#[tokio::test]
async fn a_username_is_taken_whatever_its_case_and_free_again_after_deletion() {
    let admin = Server::shared().await.admin().await;
    let name = unique_name("taken");
    let with = |name: &str| json!({"username": name, "passwd": USER_PASSWORD});
    let id = admin.post("/users", with(&name)).await.id("user_id");
    for again in [name.clone(), name.to_uppercase()] {
        let refused = admin.post("/users", with(&again)).await;
        refused.expect(412);
        assert_eq!(refused.fields(), ["username"]);
    }
    admin.delete(&format!("/users/{id}")).await.ok();
    admin.post("/users", with(&name)).await.id("user_id");
}

#[tokio::test]
async fn of_twenty_who_want_one_name_at_once_one_gets_it() {
    let admin = Server::shared().await.admin().await;
    let name = unique_name("rush");
    let wants = (0..20).map(|_| {
        let (admin, name) = (admin.clone(), name.clone());
        async move { admin.post("/roles", json!({"name": name})).await.status }
    });
    let mut statuses = futures::future::join_all(wants).await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200, "{statuses:?}");
    assert!(
        statuses[1..].iter().all(|status| *status == 412),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn a_user_without_user_admin_sees_themselves_only() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let own = user.get(&format!("/users/{}", user.user_id)).await.ok();
    assert_eq!(own["user_id"], user.user_id);
    assert_eq!(user.get("/users/1").await.status, 404);
    assert_eq!(user.get("/users").await.status, 403);
}

#[tokio::test]
async fn a_user_changes_their_own_password() {
    let server = Server::shared().await;
    let name = unique_name("own");
    let user = server.named_user(&name, &["user"]).await;
    let path = format!("/users/{}/password", user.user_id);
    user.put(&path, json!({"password": "my-new-9-words-long"}))
        .await
        .ok();
    assert_eq!(user.get("/contacts").await.status, 401);
    server.stranger().login(&name, "my-new-9-words-long").await;
}

#[tokio::test]
async fn both_predefined_roles_and_every_permission_are_there_as_events() {
    let server = Server::shared().await;
    let mut log = crate::harness::EventLog::open(server).await;
    assert!(log.count("PermissionCreated").await >= 150);
    for name in ["admin", "user"] {
        server.role_id(name).await;
    }
    for name in [
        "contact_admin",
        "event_read",
        "extension_secret",
        "transmission_send",
        "campaign_start",
    ] {
        server.permission_id(name).await;
    }
}
