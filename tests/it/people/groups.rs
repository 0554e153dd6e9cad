//! `/groups`, and their contacts.

use serde_json::{Value, json};

use crate::harness::{Client, ReadModels, Server, Setup};

async fn group(client: &Client, name: &str) -> i64 {
    client
        .post("/groups", json!({"name": name}))
        .await
        .id("group_id")
}

async fn link(client: &Client, contact: i64, group: i64) -> Value {
    let path = format!("/contacts/{contact}/link/{group}");
    client.put(&path, json!({})).await.ok()
}

async fn total(client: &Client, group: i64) -> Value {
    client.get(&format!("/groups/{group}")).await.ok()["contact_total"].clone()
}

async fn members(client: &Client, path: &str) -> Vec<i64> {
    let list = client.get(path).await.ok();
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row["contact_id"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_group_reads_as_it_was_written() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({"name": "Friends", "description": "of old"});
    let id = user.post("/groups", body).await.id("group_id");
    let expected = json!({
        "group_id": id, "id": id, "name": "Friends", "description": "of old",
        "contact_total": 0, "user_id": user.user_id,
    });
    let path = format!("/groups/{id}");
    assert_eq!(user.get(&path).await.ok(), expected);
    assert_eq!(user.get("/groups").await.ok(), json!([expected]));
    let updated = user.put(&path, json!({"id": 7, "name": "Family"})).await;
    let updated = updated.ok();
    assert_eq!(
        (&updated["name"], &updated["description"], &updated["id"]),
        (&json!("Family"), &json!("of old"), &json!(id))
    );
}

#[tokio::test]
async fn a_group_needs_a_name() {
    let user = Server::shared().await.user(&["user"]).await;
    let refused = user.post("/groups", json!({"description": "none"})).await;
    refused.expect(412);
    assert_eq!(refused.fields(), ["name"]);
}

#[tokio::test]
async fn a_contact_is_in_several_groups_and_counted_once_in_each() {
    let user = Server::shared().await.user(&["user"]).await;
    let (one, two) = (group(&user, "one").await, group(&user, "two").await);
    let contact = user.contact("linked@example.com").await;
    let other = user.contact("other@example.com").await;
    assert_eq!(link(&user, contact, one).await["contact_id"], contact);
    link(&user, contact, one).await;
    link(&user, contact, two).await;
    link(&user, other, two).await;
    assert_eq!(
        (total(&user, one).await, total(&user, two).await),
        (1.into(), 2.into())
    );
    let in_two = [contact, other];
    assert_eq!(
        members(&user, &format!("/groups/{two}/contacts")).await,
        in_two
    );
    assert_eq!(
        members(&user, &format!("/contacts?group_id={two}")).await,
        in_two
    );
    let page = format!("/groups/{two}/contacts?limit=1&email=other@example.com");
    let page = user.get(&page).await;
    assert_eq!(page.ok()[0]["contact_id"], other);
    assert_eq!(page.header("x-total-count"), Some("1"));

    let path = format!("/contacts/{contact}/link/{two}");
    assert_eq!(user.delete(&path).await.ok()["contact_id"], contact);
    user.get(&format!("{path}/delete")).await.ok();
    assert_eq!(total(&user, two).await, 1);
    assert_eq!(
        members(&user, &format!("/groups/{two}/contacts")).await,
        [other]
    );
}

#[tokio::test]
async fn a_link_changes_the_contacts_version() {
    let user = Server::shared().await.user(&["user"]).await;
    let (group, contact) = (group(&user, "g").await, user.contact("v@example.com").await);
    link(&user, contact, group).await;
    let read = user.get(&format!("/contacts/{contact}")).await;
    assert_eq!(read.header("etag"), Some("\"2\""));
    link(&user, contact, group).await;
    let read = user.get(&format!("/contacts/{contact}")).await;
    assert_eq!(read.header("etag"), Some("\"2\""));
}

#[tokio::test]
async fn what_is_deleted_leaves_the_other_behind() {
    let user = Server::shared().await.user(&["user"]).await;
    let (stays, goes) = (group(&user, "stays").await, group(&user, "goes").await);
    let contact = user.contact("stays@example.com").await;
    let gone = user.contact("goes@example.com").await;
    for (contact, group) in [(contact, stays), (contact, goes), (gone, stays)] {
        link(&user, contact, group).await;
    }
    user.delete(&format!("/contacts/{gone}")).await.ok();
    assert_eq!(total(&user, stays).await, 1);
    let deleted = user.delete(&format!("/groups/{goes}")).await.ok();
    assert_eq!(deleted, json!({"group_id": goes}));
    for path in ["", "/contacts", "/delete"] {
        let path = format!("/groups/{goes}{path}");
        assert_eq!(user.get(&path).await.status, 404, "{path}");
    }
    user.get(&format!("/contacts/{contact}")).await.ok();
    assert_eq!(
        members(&user, &format!("/contacts?group_id={goes}")).await,
        [0_i64; 0]
    );
    assert_eq!(
        members(&user, &format!("/contacts?group_id={stays}")).await,
        [contact]
    );
    let link = format!("/contacts/{contact}/link/{goes}");
    assert_eq!(user.put(&link, json!({})).await.status, 404);
}

#[tokio::test]
async fn nobody_links_with_what_is_anothers() {
    let server = Server::shared().await;
    let (user, mallory) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let (theirs, their_contact) = (group(&user, "t").await, user.contact("t@example.com").await);
    let (mine, my_contact) = (
        group(&mallory, "m").await,
        mallory.contact("m@example.com").await,
    );
    for (contact, group) in [
        (my_contact, theirs),
        (their_contact, mine),
        (their_contact, theirs),
    ] {
        let path = format!("/contacts/{contact}/link/{group}");
        let there = mallory.put(&path, json!({})).await.expect(404);
        let nowhere = mallory
            .put("/contacts/999999998/link/999999998", json!({}))
            .await;
        assert_eq!(there, nowhere.expect(404), "{path}");
        assert_eq!(mallory.delete(&path).await.status, 404, "{path}");
    }
    assert_eq!(total(&user, theirs).await, 0);
    let both = format!("/contacts/{my_contact}/link/{theirs}");
    let refused = server.admin().await.put(&both, json!({})).await;
    refused.expect(412);
    assert_eq!(refused.fields(), ["group_id"]);
    let own = format!("/contacts/{their_contact}/link/{theirs}");
    server.admin().await.put(&own, json!({})).await.ok();
    assert_eq!(total(&user, theirs).await, 1);
}

#[tokio::test]
async fn linking_takes_both_permissions() {
    let server = Server::shared().await;
    let user = server.user(&[]).await;
    let admin = server.admin().await;
    let permission = server.permission_id("contact_update").await;
    let path = format!("/users/{}/permissions/{permission}", user.user_id);
    admin.put(&path, json!({})).await.ok();
    let path = "/contacts/999999998/link/999999998";
    assert_eq!(user.put(path, json!({})).await.status, 403);
    let permission = server.permission_id("group_update").await;
    let path_of = format!("/users/{}/permissions/{permission}", user.user_id);
    admin.put(&path_of, json!({})).await.ok();
    assert_eq!(user.put(path, json!({})).await.status, 404);
}

#[tokio::test]
async fn groups_are_found_by_what_a_row_shows() {
    let user = Server::shared().await.user(&["user"]).await;
    let (red, blue) = (
        group(&user, "Red team").await,
        group(&user, "Blue team").await,
    );
    link(&user, user.contact("r@example.com").await, red).await;
    for (query, expected) in [
        ("name=TEAM", vec![red, blue]),
        ("name=red", vec![red]),
        ("contact_total=0", vec![blue]),
        ("sort=-contact_total", vec![red, blue]),
        ("sort=name", vec![blue, red]),
    ] {
        let rows = user.get(&format!("/groups?{query}")).await.ok();
        let found: Vec<_> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["group_id"].as_i64().unwrap())
            .collect();
        assert_eq!(found, expected, "{query}");
    }
    user.get("/groups?nope=1").await.expect(412);
}

#[tokio::test]
async fn a_rebuild_comes_to_the_same_groups() {
    let server = Setup::embedded().start().await;
    let user = server.user(&["user"]).await;
    let (one, two) = (group(&user, "one").await, group(&user, "two").await);
    let gone = group(&user, "gone").await;
    for number in 0..6 {
        let contact = user.contact(&format!("c{number}@example.com")).await;
        for group in [one, two, gone] {
            link(&user, contact, group).await;
        }
        if number % 2 == 0 {
            let path = format!("/contacts/{contact}/link/{one}");
            user.delete(&path).await.ok();
            link(&user, contact, one).await;
        }
        if number % 3 == 0 {
            user.delete(&format!("/contacts/{contact}?erase=true"))
                .await
                .ok();
        }
    }
    user.delete(&format!("/groups/{gone}")).await.ok();
    assert_eq!(
        (total(&user, one).await, total(&user, two).await),
        (4.into(), 4.into())
    );
    ReadModels::assert_whole(&server).await;
}
