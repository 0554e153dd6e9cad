//! The last active administrator cannot be removed, demoted or deactivated.

use serde_json::json;

use crate::harness::{ADMIN_PASSWORD, Client, Database, Server, Setup, USER_PASSWORD, unique_name};

/// A new administrator, created by this one.
async fn another(server: &Server, admin: &Client) -> Client {
    let name = unique_name("second");
    let body = json!({
        "username": name, "passwd": USER_PASSWORD, "active": 1, "role": "admin",
    });
    let id = admin.post("/users", body).await.id("user_id");
    let stranger = server.stranger();
    stranger.login(&name, USER_PASSWORD).await.known_as(id)
}

#[tokio::test]
async fn the_last_administrator_stays_active_stays_admin_and_stays() {
    let server = Server::alone().await;
    let role = server.role_id("admin").await;
    let other = another(&server, &server.admin().await).await;
    let own = format!("/users/{}", other.user_id);

    // While there are two administrators, either may be deactivated.
    other.put("/users/1", json!({"active": 0})).await.ok();
    let demote = format!("{own}/roles/{role}");
    for refused in [
        other.put(&own, json!({"active": "0"})).await,
        other.delete(&demote).await,
        other.delete(&own).await,
        other.get(&format!("{own}/delete")).await,
    ] {
        let said = refused.expect(423);
        assert!(!said["detail"].as_str().unwrap().is_empty());
    }
    let read = other.get(&own).await.ok();
    assert_eq!(read["active"], 1);

    // An inactive administrator does not count, an active one does.
    other.put("/users/1", json!({"active": 1})).await.ok();
    other.delete(&demote).await.ok();
    assert_eq!(other.get("/users/1").await.status, 403);
    let demote = format!("/users/1/roles/{role}");
    assert_eq!(admin_again(&server).await.delete(&demote).await.status, 423);
}

/// The first user with a new token: the deactivation has ended the old one.
async fn admin_again(server: &Server) -> Client {
    let stranger = server.stranger();
    stranger.login("admin", ADMIN_PASSWORD).await
}

#[tokio::test]
async fn the_role_admin_cannot_be_reduced_renamed_or_deleted() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let role = server.role_id("admin").await;
    let path = format!("/roles/{role}");
    let permission = server.permission_id("user_update").await;
    for refused in [
        admin.delete(&path).await,
        admin.put(&path, json!({"name": "former admin"})).await,
        admin
            .delete(&format!("{path}/permissions/{permission}"))
            .await,
    ] {
        refused.expect(423);
    }
}

#[tokio::test]
async fn two_administrators_who_remove_each_other_at_once_do_not_both_succeed() {
    let database = Database::create().await;
    let first = Setup::on(&database).start().await;
    // Another process, whose access cache is a moment behind the first one's.
    let other = Setup::on(&database).set("ROLE", "api").start().await;
    let role = first.role_id("admin").await;
    for round in 0..6 {
        let admin = admin_again(&first).await;
        let (one, two) = (another(&first, &admin).await, another(&first, &admin).await);
        // The first user is deactivated, so that these two are the only administrators.
        let aside = json!({"active": 0});
        one.put("/users/1", aside).await.ok();
        let two = Client::stranger(&other.url)
            .with_token(two.token())
            .known_as(two.user_id);
        let remove = |victim: i64| match round % 3 {
            0 => ("DELETE", format!("/users/{victim}/roles/{role}"), json!({})),
            1 => ("PUT", format!("/users/{victim}"), json!({"active": 0})),
            _ => ("DELETE", format!("/users/{victim}"), json!({})),
        };
        let ask = async |who: &Client, victim: i64| {
            let (method, path, body) = remove(victim);
            who.send(who.request(method, &path).json(&body))
                .await
                .status
        };
        let (by_one, by_two) = tokio::join!(ask(&one, two.user_id), ask(&two, one.user_id));
        let succeeded = [by_one, by_two].iter().filter(|it| **it == 200).count();
        assert_eq!(succeeded, 1, "round {round}: {by_one} {by_two}");
        let left = if by_one == 200 { &one } else { &two };
        left.put("/users/1", json!({"active": 1})).await.ok();
        let gone = format!("/users/{}/roles/{role}", left.user_id);
        admin_again(&first).await.delete(&gone).await.ok();
    }
}

#[tokio::test]
async fn a_role_is_not_given_while_it_is_deleted() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    for _ in 0..8 {
        let name = unique_name("going");
        let role = admin
            .post("/roles", json!({"name": name}))
            .await
            .id("role_id");
        let user = server.user(&[]).await;
        let give = format!("/users/{}/roles/{role}", user.user_id);
        let path = format!("/roles/{role}");
        let (given, deleted) = tokio::join!(admin.put(&give, json!({})), admin.delete(&path));
        let pair = (given.status, deleted.status);
        assert!([(200, 423), (404, 200)].contains(&pair), "{pair:?}");
    }
}
