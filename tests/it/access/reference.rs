//! Countries and time zones, and what points to them.

use serde_json::{Value, json};

use crate::harness::{Server, USER_PASSWORD, unique_name};

#[tokio::test]
async fn a_user_has_a_country_and_a_zone_that_there_are() {
    let admin = Server::shared().await.admin().await;
    let body = json!({
        "username": unique_name("placed"), "passwd": USER_PASSWORD,
        "country_id": "276", "timezone_id": 1,
    });
    let id = admin.post("/users", body).await.id("user_id");
    let path = format!("/users/{id}");
    let read = admin.get(&path).await.ok();
    assert_eq!(
        (&read["country_id"], &read["timezone_id"], &read["timezone"]),
        (&json!(276), &json!(1), &json!("Africa/Abidjan"))
    );

    let named = admin.put(&path, json!({"timezone": "europe/vienna"})).await;
    let named = named.ok();
    assert_eq!(named["timezone"], "Europe/Vienna");
    assert_ne!(named["timezone_id"], 1);

    let cleared = admin.put(&path, json!({"timezone_id": null})).await.ok();
    assert_eq!(
        (&cleared["timezone_id"], &cleared["timezone"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn what_points_to_nothing_is_refused_by_name() {
    let admin = Server::shared().await.admin().await;
    let name = unique_name("nowhere");
    for (field, wrong) in [
        ("country_id", json!(1)),
        ("country_id", json!("Germany")),
        ("timezone_id", json!(100_000)),
        ("timezone", json!("Mars/Olympus")),
        ("timezone", json!("UTC'; drop table users; --")),
    ] {
        let mut body = json!({"username": name, "passwd": USER_PASSWORD});
        body[field] = wrong.clone();
        let refused = admin.post("/users", body).await;
        refused.expect(412);
        assert_eq!(refused.fields(), [field], "{wrong}");
    }
    let body = json!({
        "username": name, "passwd": USER_PASSWORD,
        "timezone_id": 1, "timezone": "Europe/Vienna",
    });
    let refused = admin.post("/users", body).await;
    refused.expect(412);
    assert_eq!(refused.fields(), ["timezone"]);
}

#[tokio::test]
async fn contacts_and_accounts_have_a_zone_by_name() {
    let admin = Server::shared().await.admin().await;
    let contact = json!({"first_name": "Ada", "phone": "15550100"});
    let account = json!({"username": unique_name("zoned")});
    for (path, field, body) in [
        ("/contacts", "contact_id", contact),
        ("/accounts", "account_id", account),
    ] {
        let mut with = body.clone();
        with["timezone"] = json!("Asia/Karachi");
        let id = admin.post(path, with.clone()).await.id(field);
        let read = admin.get(&format!("{path}/{id}")).await.ok();
        assert_eq!(read["timezone"], "Asia/Karachi", "{path}");
        with["timezone"] = json!("Atlantis");
        let refused = admin.put(&format!("{path}/{id}"), with).await;
        refused.expect(412);
        assert_eq!(refused.fields(), ["timezone"], "{path}");
    }
}
