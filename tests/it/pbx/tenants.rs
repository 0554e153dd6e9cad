//! PBX records belong to tenants: whoever holds the permission within a tenant reaches all of its
//! records, and nobody else learns of them.

use serde_json::{Value, json};

use super::kinds::kinds;
use crate::harness::{Client, Company, Server, USER_PASSWORD, unique_name};

const LISTS: [&str; 10] = [
    "conditions",
    "customs",
    "destinations",
    "disas",
    "hunts",
    "ivrs",
    "phone_models",
    "phones",
    "rate_tables",
    "voicemails",
];

fn hunt(name: &str) -> Value {
    json!({"number": "600", "name": name})
}

async fn hunts(client: &Client, query: &str) -> Vec<i64> {
    let rows = client.get(&format!("/pbx/hunts{query}")).await.ok();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["hunt_id"].as_i64().unwrap()).collect()
}

/// A client of a new user at home in a tenant, who holds these permissions there.
async fn holder(server: &Server, tenant_id: i64, permissions: &[&str]) -> Client {
    let operator = server.admin().await;
    let role = json!({"name": unique_name("desk")});
    let role = operator.post("/roles", role).await.id("role_id");
    for name in permissions {
        let permission = server.permission_id(name).await;
        let path = format!("/roles/{role}/permissions/{permission}");
        operator.put(&path, json!({})).await.ok();
    }
    let username = unique_name("holder");
    let user = json!({
        "username": username, "passwd": USER_PASSWORD, "active": 1, "role": role.to_string(),
        "tenant_id": tenant_id,
    });
    let user_id = operator.post("/users", user).await.id("user_id");
    let client = server.stranger().login(&username, USER_PASSWORD).await;
    client.known_as(user_id)
}

#[tokio::test]
async fn all_who_hold_the_permission_within_a_tenant_reach_its_records() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let id = company.admin.post("/pbx/hunts", hunt("Sales")).await;
    let path = format!("/pbx/hunts/{}", id.id("hunt_id"));
    let reader = holder(&server, company.tenant_id, &["hunt_list", "hunt_read"]).await;
    assert_eq!(hunts(&reader, "").await.len(), 1);
    let row = reader.get(&path).await.ok();
    assert_eq!(row["tenant_id"], company.tenant_id);
    assert_eq!(row.get("user_id"), None, "{row}");
    reader.put(&path, json!({"name": "n"})).await.expect(403);
    reader.delete(&path).await.expect(403);
    reader.get("/pbx/ivrs").await.expect(403);
    let keeper = holder(&server, company.tenant_id, &["hunt"]).await;
    keeper.put(&path, json!({"name": "Support"})).await.ok();
    keeper.delete(&path).await.ok();
}

#[tokio::test]
async fn ordinary_users_have_no_pbx() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    for list in LISTS {
        let path = format!("/pbx/{list}");
        user.get(&path).await.expect(403);
        user.post(&path, json!({})).await.expect(403);
        user.get(&format!("{path}/1")).await.expect(403);
    }
}

#[tokio::test]
async fn a_record_of_another_tenant_is_as_one_that_does_not_exist() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let id = one.admin.post("/pbx/hunts", hunt("Sales")).await;
    let id = id.id("hunt_id");
    let theirs = other.admin.post("/pbx/hunts", hunt("Sales")).await;
    let theirs = theirs.id("hunt_id");
    for (method, end, body) in [
        ("GET", "", None),
        ("PUT", "", Some(json!({"name": "taken"}))),
        ("DELETE", "", None),
        ("GET", "/delete", None),
    ] {
        let ask = async |id: i64| {
            let request = other
                .admin
                .request(method, &format!("/pbx/hunts/{id}{end}"));
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            other.admin.send(request).await
        };
        let (hers, nobodys) = (ask(id).await, ask(999_999_999).await);
        assert_eq!(hers.status, 404, "{method}: {}", hers.text());
        assert_eq!(hers.text(), nobodys.text(), "{method}");
    }
    assert_eq!(hunts(&other.admin, "").await, [theirs]);
    for query in [
        format!("?hunt_id={id}"),
        format!("?tenant_id={}", one.tenant_id),
    ] {
        assert_eq!(hunts(&other.admin, &query).await, Vec::<i64>::new());
        assert_eq!(hunts(&one.admin, &query).await, [id]);
    }
    for path in ["/events?aggregate_type=hunt", "/events"] {
        other.admin.get(path).await.expect(403);
    }
}

#[tokio::test]
async fn a_cursor_of_another_tenant_goes_on_in_ones_own_list() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    for name in ["a", "b", "c"] {
        one.admin.post("/pbx/hunts", hunt(name)).await.ok();
    }
    let own = other.admin.post("/pbx/hunts", hunt("d")).await;
    for sort in ["", "&sort=name"] {
        let page = one.admin.get(&format!("/pbx/hunts?limit=1{sort}")).await;
        assert_eq!(page.header("x-total-count"), Some("3"));
        let link = page.header("link").unwrap();
        let next = link.split(['<', '>']).nth(1).unwrap();
        let rest = other.admin.get(next).await.ok();
        let rest = rest.as_array().unwrap();
        assert_eq!(rest.len(), 1, "{rest:?}");
        assert_eq!(rest[0]["hunt_id"], own.id("hunt_id"));
    }
}

#[tokio::test]
async fn a_record_is_created_where_the_permission_is_held() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let within = |tenant_id: i64| {
        let mut hunt = hunt("Sales");
        hunt["tenant_id"] = json!(tenant_id);
        hunt
    };
    let refused = one.admin.post("/pbx/hunts", within(other.tenant_id)).await;
    let unknown = one.admin.post("/pbx/hunts", within(999_999_999)).await;
    assert_eq!(refused.expect(412), unknown.expect(412));

    let operator = server.admin().await;
    let assigned = format!("/users/{}/tenants/{}", one.admin.user_id, other.tenant_id);
    operator.put(&assigned, json!({})).await.ok();
    let refused = one.admin.post("/pbx/hunts", within(other.tenant_id)).await;
    refused.expect(403);

    let tenant = json!({"code": unique_name("third")});
    let third = operator.post("/tenants", tenant).await.id("tenant_id");
    for tenant in [one.tenant_id, third] {
        let id = operator.post("/pbx/hunts", within(tenant)).await;
        let path = format!("/pbx/hunts/{}", id.id("hunt_id"));
        assert_eq!(operator.get(&path).await.ok()["tenant_id"], tenant);
    }
    assert_eq!(hunts(&one.admin, "").await.len(), 1);
    let missing = operator.post("/pbx/hunts", within(999_999_999)).await;
    missing.expect(412);
    let home = operator.post("/pbx/hunts", hunt("Own")).await.id("hunt_id");
    let row = operator.get(&format!("/pbx/hunts/{home}")).await.ok();
    assert_eq!(row.get("tenant_id"), None, "{row}");
}

#[tokio::test]
async fn a_reference_does_not_cross_tenants() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let greeting = json!({"name": "greeting"});
    let theirs = other.admin.post("/messages/recordings", greeting.clone());
    let theirs = theirs.await.id("recording_id");
    let own = one.admin.post("/messages/recordings", greeting).await;
    let own = own.id("recording_id");
    let ivr = |recording: i64| json!({"name": "Welcome", "recording_id": recording});
    let refused = one.admin.post("/pbx/ivrs", ivr(theirs)).await.expect(412);
    let unknown = one.admin.post("/pbx/ivrs", ivr(999_999_999)).await;
    assert_eq!(refused, unknown.expect(412));
    let id = one.admin.post("/pbx/ivrs", ivr(own)).await.id("ivr_id");
    let path = format!("/pbx/ivrs/{id}");
    let refused = one.admin.put(&path, json!({"recording_id": theirs})).await;
    refused.expect(412);
    // Somebody who reaches both tenants does not join them either.
    let operator = server.admin().await;
    let joined = operator.put(&path, json!({"recording_id": theirs})).await;
    joined.expect(412);
}

#[tokio::test]
async fn models_of_phones_are_seen_by_all_tenants_and_changed_by_the_installation() {
    let server = Server::alone().await;
    let operator = server.admin().await;
    let company = Company::on(&server).await;
    let model = json!({"name": "T46S", "vendor": "Yealink"});
    let id = operator.post("/pbx/phone_models", model.clone()).await;
    let id = id.id("phone_model_id");
    let path = format!("/pbx/phone_models/{id}");
    let row = company.admin.get(&path).await.ok();
    let expected = json!({"phone_model_id": id, "name": "T46S", "vendor": "Yealink"});
    assert_eq!(row, expected);
    let listed = company.admin.get("/pbx/phone_models").await.ok();
    assert_eq!(listed, json!([expected]));
    let refused = company.admin.post("/pbx/phone_models", model).await;
    refused.expect(403);
    company.admin.put(&path, json!({})).await.expect(403);
    company.admin.delete(&path).await.expect(403);
    let phone = json!({"name": "Desk", "phone_model_id": id, "mac": "00:15:65:12:ab:cd"});
    company.admin.post("/pbx/phones", phone).await.ok();
}

#[tokio::test]
async fn a_tenant_with_pbx_records_is_not_deleted() {
    let server = Server::alone().await;
    let operator = server.admin().await;
    let tenant = json!({"code": unique_name("empty")});
    let tenant = operator.post("/tenants", tenant).await.id("tenant_id");
    let path = format!("/tenants/{tenant}");
    let kinds = kinds(&operator).await.into_iter();
    for mut kind in kinds.filter(|kind| kind.name != "phone_model") {
        kind.body["tenant_id"] = json!(tenant);
        // It is of another tenant.
        kind.body.as_object_mut().unwrap().remove("recording_id");
        let record = kind.one(kind.create(&operator).await);
        let refused = operator.delete(&path).await.expect(423);
        let list = kind.path.trim_start_matches("/pbx/");
        assert!(refused["detail"].to_string().contains(list), "{refused}");
        operator.delete(&record).await.ok();
    }
    operator.delete(&path).await.ok();
}
