//! Rights to change a role, and the rules for its name.

use serde_json::json;

use crate::harness::{Client, Server, unique_name};

/// A user who holds these permissions.
async fn holding(server: &Server, permissions: &[&str]) -> Client {
    let user = server.user(&[]).await;
    for name in permissions {
        let id = server.permission_id(name).await;
        let path = format!("/users/{}/permissions/{id}", user.user_id);
        server.admin().await.put(&path, json!({})).await.ok();
    }
    user
}

/// A new role with these permissions, created by the first user.
async fn role_with(server: &Server, permissions: &[&str]) -> i64 {
    let admin = server.admin().await;
    let role = json!({"name": unique_name("role")});
    let role = admin.post("/roles", role).await.id("role_id");
    for name in permissions {
        let id = server.permission_id(name).await;
        let path = format!("/roles/{role}/permissions/{id}");
        admin.put(&path, json!({})).await.ok();
    }
    role
}

#[tokio::test]
async fn a_role_that_holds_more_is_not_changed() {
    let server = Server::shared().await;
    let clerk = holding(server, &["role", "contact_read"]).await;
    let role = role_with(server, &["contact_read", "event_read"]).await;
    let path = format!("/roles/{role}");
    let held = server.permission_id("contact_read").await;
    let permission = format!("{path}/permissions/{held}");
    let before = server.admin().await.get(&path).await.ok();
    let rename = json!({"name": unique_name("taken")});
    assert_eq!(clerk.put(&path, rename).await.status, 403);
    let describe = json!({"description": "mine"});
    assert_eq!(clerk.put(&path, describe).await.status, 403);
    assert_eq!(clerk.put(&permission, json!({})).await.status, 403);
    assert_eq!(clerk.delete(&permission).await.status, 403);
    assert_eq!(clerk.delete(&path).await.status, 403);
    assert_eq!(clerk.get(&format!("{path}/delete")).await.status, 403);
    assert_eq!(server.admin().await.get(&path).await.ok(), before);
}

#[tokio::test]
async fn a_role_that_holds_no_more_is_changed() {
    let server = Server::shared().await;
    let clerk = holding(server, &["role", "contact_read", "contact_list"]).await;
    let role = role_with(server, &["contact_read"]).await;
    let path = format!("/roles/{role}");
    let describe = json!({"description": "readers"});
    assert_eq!(
        clerk.put(&path, describe).await.ok()["description"],
        "readers"
    );
    for name in ["contact_list", "contact_read"] {
        let id = server.permission_id(name).await;
        let permission = format!("{path}/permissions/{id}");
        clerk.put(&permission, json!({})).await.ok();
        clerk.delete(&permission).await.ok();
    }
    clerk.delete(&path).await.ok();
}

#[tokio::test]
async fn nothing_is_taken_from_a_role_of_users_who_hold_more() {
    let server = Server::shared().await;
    let clerk = holding(server, &["role", "contact_read"]).await;
    let role = role_with(server, &["contact_read"]).await;
    let chief = holding(server, &["event_read"]).await;
    let give = format!("/users/{}/roles/{role}", chief.user_id);
    let admin = server.admin().await;
    admin.put(&give, json!({})).await.ok();
    let held = server.permission_id("contact_read").await;
    let permission = format!("/roles/{role}/permissions/{held}");
    assert_eq!(clerk.delete(&permission).await.status, 403);
    admin.delete(&give).await.ok();
    clerk.delete(&permission).await.ok();
}

#[tokio::test]
async fn no_role_is_named_like_another() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let own = json!({"name": unique_name("own")});
    let own = admin.post("/roles", own).await.id("role_id");
    for imitation in [
        "admın",
        "ADMIN",
        "Admin",
        "ａdmin",
        "аdmin",
        "ad\u{200b}min",
        "ɑdmin",
        "𝐚𝐝𝐦𝐢𝐧",
        "ADMİN",
        "adмin",
        "ａｄｍｉｎ",
    ] {
        let name = json!({"name": imitation});
        let refused = admin.post("/roles", name.clone()).await;
        refused.expect(412);
        assert_eq!(refused.fields(), ["name"], "{imitation}");
        let refused = admin.put(&format!("/roles/{own}"), name).await;
        refused.expect(412);
    }
    for allowed in ["Büro", "отдел продаж", "営業"] {
        let name = format!("{allowed} {}", unique_name("").replace('x', "-"));
        admin.post("/roles", json!({"name": name})).await.ok();
    }
}
