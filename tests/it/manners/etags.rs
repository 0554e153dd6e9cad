//! Optimistic concurrency with `ETag` and `If-Match`.

use serde_json::{Value, json};
use sqlx::query_scalar;

use crate::harness::{Answer, Client, Mailing, Server, unique_name};

async fn put_if(client: &Client, path: &str, tag: &str, body: Value) -> Answer {
    let request = client.request("PUT", path).header("if-match", tag);
    client.send(request.json(&body)).await
}

#[tokio::test]
async fn a_stale_version_is_409_and_changes_nothing() {
    let user = Server::shared().await.user(&["user"]).await;
    let path = format!("/contacts/{}", user.contact("etag@example.com").await);
    let first = user.get(&path).await;
    let first = first.header("etag").unwrap();
    let second = put_if(&user, &path, first, json!({"first_name": "One"})).await;
    assert_eq!(second.status, 200);
    assert_ne!(second.header("etag"), Some(first));
    put_if(&user, &path, first, json!({"first_name": "Two"}))
        .await
        .expect(409);
    let request = user.request("DELETE", &path).header("if-match", first);
    user.send(request).await.expect(409);
    assert_eq!(user.get(&path).await.ok()["first_name"], "One");
}

#[tokio::test]
async fn if_match_is_read_as_rfc_9110_has_it() {
    let user = Server::shared().await.user(&["user"]).await;
    let path = format!("/contacts/{}", user.contact("forms@example.com").await);
    let nothing_new = json!({"first_name": "Ada"});
    for (tag, status) in [
        ("\"1\"", 200),
        ("*", 200),
        ("\"7\", \"1\"", 200),
        ("\"7\"", 409),
        ("W/\"1\"", 409),
        ("\"other\"", 409),
        ("1", 412),
        ("\"1", 412),
    ] {
        let answer = put_if(&user, &path, tag, nothing_new.clone()).await;
        assert_eq!(answer.status, status, "{tag}: {}", answer.text());
    }
    let gone = put_if(&user, "/contacts/999999999", "*", nothing_new).await;
    gone.expect(404);
}

#[tokio::test]
async fn what_hangs_on_a_thing_changes_with_its_version() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let name = crate::harness::unique_name("tag");
    let account = admin.post("/accounts", json!({"username": name})).await;
    let account = format!("/accounts/{}", account.id("account_id"));
    let role = admin.post("/roles", json!({"name": name})).await;
    let role = format!("/roles/{}", role.id("role_id"));
    let user = json!({"username": name, "passwd": "long-enough-9-words"});
    let user = admin.post("/users", user).await.id("user_id");
    let user = format!("/users/{user}");
    let template = Mailing::new(&admin).await.template_id;
    let template = format!("/messages/templates/{template}");
    let permission = server.permission_id("contact_list").await;
    let granted = server.role_id("user").await;
    for (path, body) in [
        (
            format!("{account}/settings/colour"),
            json!({"value": "blue"}),
        ),
        (format!("{role}/permissions/{permission}"), json!({})),
        (format!("{user}/roles/{granted}"), json!({})),
        (format!("{user}/permissions/{permission}"), json!({})),
        (
            format!("{user}/password"),
            json!({"password": "other-enough-9-words"}),
        ),
        (account.clone(), json!({"first_name": "Tag"})),
        (template, json!({"subject": "Tag"})),
    ] {
        put_if(&admin, &path, "\"999\"", body.clone())
            .await
            .expect(409);
        put_if(&admin, &path, "*", body).await.ok();
    }
    let setting = admin.get(&format!("{account}/settings/colour")).await;
    let account = admin.get(&account).await;
    assert!(setting.header("etag").is_some());
    assert_eq!(setting.header("etag"), account.header("etag"));
}

#[tokio::test]
async fn what_is_done_with_a_thing_asks_for_its_version_too() {
    let admin = Server::shared().await.admin().await;
    let mailing = Mailing::new(&admin).await;
    let transmission = mailing.to(admin.contact("later@example.com").await).await;
    let group = json!({"name": unique_name("group")});
    let group = admin.post("/groups", group).await.id("group_id");
    let later = json!({"delay": 3600});
    for (method, path) in [
        ("PUT", format!("/transmissions/{transmission}/schedule")),
        ("DELETE", format!("/transmissions/{transmission}/schedule")),
        ("GET", format!("/transmissions/{transmission}/clone")),
        ("POST", format!("/transmissions/{transmission}/send")),
    ] {
        let request = admin.request(method, &path).header("if-match", "\"4242\"");
        let request = match method {
            "GET" | "DELETE" => request,
            _ => request.json(&later),
        };
        assert_eq!(admin.send(request).await.status, 409, "{method} {path}");
    }
    let import = admin.request("POST", &format!("/groups/{group}/csv"));
    let import = import
        .header("if-match", "\"4242\"")
        .header("content-type", "text/csv");
    assert_eq!(admin.send(import.body("15550100\n")).await.status, 409);
}

#[tokio::test]
async fn every_row_has_the_version_of_its_last_event() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    // An aggregate of every kind, with an event after its creation.
    what_has_a_history(&admin).await;
    let mut sql = server.sql().await;
    let tables = "select table_name::text from information_schema.columns \
                  where table_schema = 'read' and column_name = 'version' \
                    and table_name <> 'spools' order by 1";
    let tables: Vec<String> = query_scalar(tables).fetch_all(&mut sql).await.unwrap();
    assert!(tables.len() >= 8, "{tables:?}");
    for table in tables {
        let kind = match table.strip_suffix("ies") {
            Some(stem) => format!("{stem}y"),
            None => table.trim_end_matches('s').to_owned(),
        };
        // Other tests write meanwhile; a row that is behind catches up.
        let behind = format!(
            "select count(*) from read.{table} t join lateral (select max(sequence) as last \
             from events e where e.aggregate_type = '{kind}' \
               and e.aggregate_id = t.{kind}_id::text) e on true \
             where t.version is distinct from e.last"
        );
        crate::harness::eventually(&table, crate::harness::seconds(20), async || {
            let count: i64 = query_scalar(&behind).fetch_one(&mut sql).await.unwrap();
            (count == 0).then_some(())
        })
        .await;
    }
}

async fn what_has_a_history(admin: &Client) {
    let mailing = Mailing::new(admin).await;
    let transmission = mailing.send_to("history@example.com").await;
    mailing.ended(transmission).await;
    let media = format!("/messages/templates/{}/media", mailing.template_id);
    admin.upload(&media, "text/plain", b"x".to_vec()).await.ok();
}
