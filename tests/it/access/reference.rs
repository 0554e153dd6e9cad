//! Countries and time zones, and references to them.

use serde_json::{Value, json};

use crate::harness::{Database, Server, Setup, USER_PASSWORD, eventually, seconds, unique_name};

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

#[tokio::test]
async fn the_tables_are_there_for_anybody_who_is_logged_in() {
    let server = Server::shared().await;
    let nobody = server.user(&[]).await;
    for path in ["/countries", "/timezones", "/nodes"] {
        assert_eq!(server.stranger().get(path).await.status, 401, "{path}");
        assert!(nobody.get(path).await.ok().is_array(), "{path}");
    }
    let found = nobody.get("/countries?name=aust").await.ok();
    let names: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["Australia", "Austria"]);
    let found = nobody.get("/countries?alpha2=at").await.ok();
    assert_eq!(
        found,
        json!([{"country_id": 40, "name": "Austria", "alpha2": "AT", "alpha3": "AUT"}])
    );
    let found = nobody.get("/timezones?timezone_id=1").await.ok();
    assert_eq!(found, json!([{"timezone_id": 1, "name": "Africa/Abidjan"}]));
}

#[tokio::test]
async fn a_table_is_paged_and_sorted_as_other_lists_are() {
    let user = Server::shared().await.user(&[]).await;
    let whole = user.get("/timezones?sort=-name").await.ok();
    let whole = whole.as_array().unwrap();
    let mut path = "/timezones?limit=250&sort=-name".to_owned();
    let mut paged = Vec::new();
    loop {
        let page = user.get(&path).await;
        paged.extend(page.ok().as_array().unwrap().clone());
        assert_eq!(
            page.header("x-total-count"),
            Some(whole.len().to_string().as_str())
        );
        let Some(link) = page.header("link") else {
            break;
        };
        path = link.split(['<', '>']).nth(1).unwrap().to_owned();
    }
    assert_eq!(&paged, whole);
    for wrong in [
        "limit=0",
        "limit=1001",
        "cursor=x",
        "sort=offset",
        "planet=earth",
        "timezone_id=one",
    ] {
        let refused = user.get(&format!("/timezones?{wrong}")).await;
        refused.expect(412);
        assert_eq!(refused.fields(), [wrong.split('=').next().unwrap()]);
    }
}

#[tokio::test]
async fn nodes_are_the_numbers_that_workers_carry() {
    let server = Setup::on(&Database::create().await)
        .set("NODE_ID", "7")
        .start()
        .await;
    let admin = server.admin().await;
    let nodes = eventually("the worker has said so", seconds(10), async || {
        let nodes = admin.get("/nodes").await.ok();
        (nodes != json!([])).then_some(nodes)
    })
    .await;
    assert_eq!(
        (&nodes[0]["node_id"], &nodes[0]["workers"]),
        (&json!(7), &json!(1))
    );
}
