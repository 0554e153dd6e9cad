//! `/contacts`.

use serde_json::{Value, json};

use crate::harness::{Client, Server};

async fn named(client: &Client, first_name: &str, phone: &str, email: &str) -> i64 {
    let body = json!({"first_name": first_name, "phone": phone, "email": email});
    client.post("/contacts", body).await.id("contact_id")
}

async fn ids(client: &Client, path: &str) -> Vec<i64> {
    let list = client.get(path).await.ok();
    list.as_array()
        .unwrap()
        .iter()
        .map(|row| row["contact_id"].as_i64().unwrap())
        .collect()
}

#[tokio::test]
async fn a_contact_reads_as_it_was_written_at_once() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({
        "first_name": "Ada", "last_name": "Lovelace", "phone": "+44 20 7946 0018",
        "email": "ada@example.com", "address": "12 St James's Square, London", "custom1": "one",
        "description": "counts\nand writes",
    });
    let id = user.post("/contacts", body).await.id("contact_id");
    let read = user.get(&format!("/contacts/{id}")).await.ok();
    assert_eq!(read["contact_id"], id);
    assert_eq!(read["phone"], "+442079460018");
    assert_eq!(read["description"], "counts\nand writes");
    assert_eq!(read["user_id"], user.user_id);
}

#[tokio::test]
async fn a_hundred_writes_are_each_readable_when_answered() {
    let user = Server::shared().await.user(&["user"]).await;
    for n in 0..100 {
        let id = user.contact(&format!("reader{n}@example.com")).await;
        user.get(&format!("/contacts/{id}")).await.ok();
    }
}

#[tokio::test]
async fn an_update_keeps_what_is_absent_and_clears_what_is_null() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = named(&user, "Grace", "0171", "grace@example.com").await;
    let updated = user
        .put(
            &format!("/contacts/{id}"),
            json!({"last_name": "Hopper", "email": null}),
        )
        .await;
    let updated = updated.ok();
    assert_eq!(
        (&updated["first_name"], &updated["last_name"]),
        (&json!("Grace"), &json!("Hopper"))
    );
    assert_eq!(
        (&updated["email"], &updated["phone"]),
        (&Value::Null, &json!("0171"))
    );
}

#[tokio::test]
async fn a_phone_is_taken_as_a_number_and_answered_as_a_string() {
    let user = Server::shared().await.user(&["user"]).await;
    let body = json!({"first_name": "N", "phone": 15_550_100});
    let id = user.post("/contacts", body).await.id("contact_id");
    assert_eq!(
        user.get(&format!("/contacts/{id}")).await.ok()["phone"],
        "15550100"
    );
}

#[tokio::test]
async fn what_a_contact_must_have_is_named() {
    let user = Server::shared().await.user(&["user"]).await;
    let refused = user.post("/contacts", json!({"last_name": "x"})).await;
    refused.expect(412);
    assert_eq!(
        refused.fields().first().map(String::as_str),
        Some("first_name")
    );
    let refused = user.post("/contacts", json!({"first_name": "x"})).await;
    refused.expect(412);
    assert_eq!(refused.fields(), ["phone"]);
}

#[tokio::test]
async fn a_deleted_contact_is_gone_and_its_history_stays() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let id = user.contact("gone@example.com").await;
    assert_eq!(
        user.delete(&format!("/contacts/{id}")).await.ok(),
        json!({"contact_id": id})
    );
    assert_eq!(user.get(&format!("/contacts/{id}")).await.status, 404);
    assert_eq!(user.delete(&format!("/contacts/{id}")).await.status, 404);
    let filter = format!("/events?aggregate_type=contact&aggregate_id={id}");
    let events = server.admin().await.get(&filter).await.ok();
    let kinds: Vec<_> = events
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event_type"].clone())
        .collect();
    assert_eq!(kinds, ["ContactCreated", "ContactDeleted"]);
}

#[tokio::test]
async fn filters_match_as_documented() {
    let user = Server::shared().await.user(&["user"]).await;
    let anna = named(&user, "Anna", "0301234", "anna@example.com").await;
    let hannah = named(&user, "Hannah", "0405678", "hannah@example.com").await;
    for (query, expected) in [
        ("first_name=ann", vec![anna, hannah]),
        ("first_name=hanna", vec![hannah]),
        ("first_name=%25", vec![]),
        ("first_name=_nna", vec![]),
        ("phone=5678", vec![hannah]),
        ("phone=0405", vec![]),
        ("email=ANNA@example.com", vec![anna]),
        ("email=anna@example", vec![]),
    ] {
        assert_eq!(
            ids(&user, &format!("/contacts?{query}")).await,
            expected,
            "{query}"
        );
    }
    assert_eq!(
        ids(&user, &format!("/contacts?contact_id={hannah}")).await,
        [hannah]
    );
}

#[tokio::test]
async fn an_unknown_filter_is_refused_by_name() {
    let user = Server::shared().await.user(&["user"]).await;
    for path in [
        "/contacts?frist_name=x",
        "/transmissions?nope=1",
        "/messages/templates?passwd=1",
    ] {
        let refused = user.get(path).await;
        refused.expect(412);
        let name = path.split(['?', '=']).nth(1).unwrap();
        assert_eq!(refused.fields(), [name], "{path}");
    }
}

#[tokio::test]
async fn pages_follow_one_another_without_loss_or_repetition() {
    let user = Server::shared().await.user(&["user"]).await;
    let mut created = Vec::new();
    for n in 0..7 {
        created.push(user.contact(&format!("page{n}@example.com")).await);
    }
    assert_eq!(
        ids(&user, "/contacts").await,
        created,
        "the whole list is in the order of creation"
    );
    let mut paged = Vec::new();
    let mut path = "/contacts?limit=3".to_owned();
    for _ in 0..4 {
        let page = user.get(&path).await;
        let rows = page.ok();
        assert_eq!(page.header("x-total-count"), Some("7"));
        paged.extend(
            rows.as_array()
                .unwrap()
                .iter()
                .map(|row| row["contact_id"].as_i64().unwrap()),
        );
        let Some(link) = page.header("link") else {
            break;
        };
        assert!(link.ends_with("rel=\"next\""), "{link}");
        path = link[1..link.find('>').unwrap()]
            .trim_start_matches(&Server::shared().await.url)
            .to_owned();
    }
    assert_eq!(paged, created);
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let user = Server::shared().await.user(&["user"]).await;
    let id = user.contact("version@example.com").await;
    let path = format!("/contacts/{id}");
    let version = user
        .get(&path)
        .await
        .header("etag")
        .expect("an ETag")
        .to_owned();
    user.put(&path, json!({"last_name": "first"})).await.ok();
    let late = user
        .request("PUT", &path)
        .header("if-match", version)
        .json(&json!({"last_name": "late"}));
    assert_eq!(user.send(late).await.status, 409);
    assert_eq!(user.get(&path).await.ok()["last_name"], "first");
}

#[tokio::test]
async fn fifty_updates_at_once_all_happen() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let id = user.contact("contended@example.com").await;
    let updates = (0..50).map(|n| {
        let user = user.clone();
        async move {
            user.put(
                &format!("/contacts/{id}"),
                json!({"custom1": n.to_string()}),
            )
            .await
            .status
        }
    });
    let statuses = futures::future::join_all(updates).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    let filter =
        format!("/events?aggregate_type=contact&aggregate_id={id}&event_type=ContactUpdated");
    let events = server.admin().await.get(&filter).await.ok();
    assert_eq!(events.as_array().unwrap().len(), 50);
}
