//! A user can grant only rights that the user has.

use serde_json::json;

use crate::harness::{Client, Server, unique_name};

/// A user who holds exactly these permissions.
async fn holding(server: &Server, permissions: &[&str]) -> Client {
    let user = server.user(&[]).await;
    for name in permissions {
        let id = server.permission_id(name).await;
        let path = format!("/users/{}/permissions/{id}", user.user_id);
        server.admin().await.put(&path, json!({})).await.ok();
    }
    user
}

#[tokio::test]
async fn a_permission_lets_in_and_its_prefix_too_but_not_to_what_is_everybodys() {
    let server = Server::shared().await;
    let by_name = holding(server, &["contact_list"]).await;
    assert_eq!(by_name.get("/contacts").await.status, 200);
    assert_eq!(by_name.post("/contacts", json!({})).await.status, 403);

    let theirs = server.admin().await.contact("prefix@example.com").await;
    let by_prefix = holding(server, &["contact"]).await;
    by_prefix.contact("own@example.com").await;
    assert_eq!(
        by_prefix.get(&format!("/contacts/{theirs}")).await.status,
        404
    );
    let with_admin = holding(server, &["contact", "contact_admin"]).await;
    with_admin.get(&format!("/contacts/{theirs}")).await.ok();
}

#[tokio::test]
async fn nobody_gives_a_user_a_permission_they_do_not_hold() {
    let server = Server::shared().await;
    let clerk = holding(server, &["user", "user_admin", "role", "contact_read"]).await;
    let other = server.user(&[]).await;
    let grant = async |name: &str| {
        let id = server.permission_id(name).await;
        clerk
            .put(
                &format!("/users/{}/permissions/{id}", other.user_id),
                json!({}),
            )
            .await
            .status
    };
    assert_eq!(grant("contact_read").await, 200);
    assert_eq!(grant("contact_admin").await, 403);
    assert_eq!(grant("provider_create").await, 403);
    assert_eq!(
        grant("contact").await,
        403,
        "a prefix is more than one of its verbs"
    );
}

#[tokio::test]
async fn nobody_gives_a_role_that_holds_more_than_they_do() {
    let server = Server::shared().await;
    let clerk = holding(server, &["user", "user_admin", "role"]).await;
    let other = server.user(&[]).await;
    for user_id in [other.user_id, clerk.user_id] {
        let admin_role = server.role_id("admin").await;
        let path = format!("/users/{user_id}/roles/{admin_role}");
        assert_eq!(clerk.put(&path, json!({})).await.status, 403);
    }
}

#[tokio::test]
async fn nobody_widens_a_role_beyond_what_they_hold() {
    let server = Server::shared().await;
    let clerk = holding(server, &["role"]).await;
    let role = clerk
        .post("/roles", json!({"name": unique_name("role")}))
        .await
        .id("role_id");
    let permission = server.permission_id("event_read").await;
    let path = format!("/roles/{role}/permissions/{permission}");
    assert_eq!(clerk.put(&path, json!({})).await.status, 403);
}

#[tokio::test]
async fn nobody_takes_over_a_user_who_holds_more() {
    let server = Server::shared().await;
    let clerk = holding(server, &["user", "user_admin"]).await;
    let body = json!({"password": "taken-over-9-times"});
    assert_eq!(
        clerk.put("/users/1/password", body.clone()).await.status,
        403
    );
    assert_eq!(clerk.put("/users/1", body).await.status, 403);
    assert_eq!(clerk.delete("/users/1").await.status, 403);
}

#[tokio::test]
async fn nobody_takes_a_right_from_a_user_who_holds_more() {
    let server = Server::alone().await;
    let clerk = holding(&server, &["user", "user_admin"]).await;
    let admin = server.admin().await;
    // A second administrator, since the last one could not lose the role anyway.
    server.user(&["admin"]).await;
    let role = format!("/users/1/roles/{}", server.role_id("admin").await);
    let permission = server.permission_id("contact_read").await;
    let permission = format!("/users/1/permissions/{permission}");
    admin.put(&permission, json!({})).await.ok();
    for path in [permission, role] {
        assert_eq!(clerk.delete(&path).await.status, 403, "{path}");
        let still_there = admin.delete(&path).await;
        still_there.ok();
    }
}

#[tokio::test]
async fn nobody_changes_the_address_of_a_user_who_holds_more() {
    let server = Server::alone().await;
    let clerk = holding(&server, &["user", "user_admin"]).await;
    let before = server.admin().await.get("/users/1").await.ok();
    let body = json!({"email": "clerk@example.com"});
    assert_eq!(clerk.put("/users/1", body).await.status, 403);
    assert_eq!(server.admin().await.get("/users/1").await.ok(), before);
}

#[tokio::test]
async fn a_role_that_somebody_holds_cannot_be_deleted() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let role = admin
        .post("/roles", json!({"name": unique_name("held")}))
        .await
        .id("role_id");
    let user = server.user(&[]).await;
    admin
        .put(&format!("/users/{}/roles/{role}", user.user_id), json!({}))
        .await
        .ok();
    let refused = admin.delete(&format!("/roles/{role}")).await;
    assert!(!refused.expect(423)["detail"].as_str().unwrap().is_empty());
    admin
        .delete(&format!("/users/{}/roles/{role}", user.user_id))
        .await
        .ok();
    admin.delete(&format!("/roles/{role}")).await.ok();
}
