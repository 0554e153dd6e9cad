//! Companies that share an installation: what each of them sees, and who may do what in which.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Client, Company, Server, eventually, seconds, unique_name};

async fn ids(client: &Client, path: &str, field: &str) -> Vec<i64> {
    let rows = client.get(path).await.ok();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row[field].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_single_company_sees_no_tenant() {
    let server = Server::alone().await;
    let user = server.user(&["user"]).await;
    let contact = user.contact("one@example.com").await;
    let row = user.get(&format!("/contacts/{contact}")).await.ok();
    assert_eq!(row.get("tenant_id"), None, "{row}");
    let me = user.get(&format!("/users/{}", user.user_id)).await.ok();
    assert_eq!(me.get("tenant_id"), None, "{me}");
    let events = server.admin().await;
    let events = events.get("/events?event_type=ContactCreated").await.ok();
    let payload = &events[0]["payload"]["ContactCreated"];
    assert_eq!(payload["owner"], user.user_id, "{payload}");
}

#[tokio::test]
async fn a_company_administers_its_own_users_and_things_only() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let user = one.user(&server).await;
    let contact = user.contact("theirs@example.com").await;
    let row = one.admin.get(&format!("/contacts/{contact}")).await.ok();
    assert_eq!(row["tenant_id"], one.tenant_id);
    assert_eq!(ids(&one.admin, "/contacts", "contact_id").await, [contact]);
    let nothing = Vec::<i64>::new();
    assert_eq!(ids(&other.admin, "/contacts", "contact_id").await, nothing);
    for asked in [
        format!("/contacts?user_id={}", user.user_id),
        format!("/contacts?tenant_id={}", one.tenant_id),
    ] {
        assert_eq!(ids(&other.admin, &asked, "contact_id").await, nothing);
        assert_eq!(ids(&one.admin, &asked, "contact_id").await, [contact]);
    }
    assert_eq!(
        ids(&one.admin, "/users", "user_id").await,
        [one.admin.user_id, user.user_id]
    );
    let members = format!("/tenants/{}/users", one.tenant_id);
    assert_eq!(other.admin.get(&members).await.status, 404);
    assert!(
        ids(&one.admin, &members, "user_id")
            .await
            .contains(&user.user_id)
    );
    let operator = server.admin().await;
    assert_eq!(ids(&operator, "/contacts", "contact_id").await, [contact]);
}

#[tokio::test]
async fn totals_and_statistics_are_of_the_tenants_that_one_reaches() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let (user, colleague) = (one.user(&server).await, one.user(&server).await);
    for number in 0..3 {
        user.contact(&format!("first{number}@example.com")).await;
        colleague
            .contact(&format!("second{number}@example.com"))
            .await;
    }
    other.admin.contact("other@example.com").await;
    let operator = server.admin().await;
    for (client, asked, expected) in [
        (&user, "", 3),
        (&one.admin, "", 6),
        (&other.admin, "", 1),
        (&operator, "", 7),
        (&one.admin, &*format!("user_id={}&", user.user_id), 3),
        (&other.admin, &*format!("user_id={}&", user.user_id), 0),
    ] {
        let page = client.get(&format!("/contacts?{asked}limit=1")).await;
        let total: i64 = match page.header("x-total-count") {
            Some(total) => total.parse().unwrap(),
            None => page.ok().as_array().unwrap().len() as i64,
        };
        assert_eq!(total, expected, "{asked}");
        let numbers = client.get(&format!("/statistics?{asked}")).await.ok();
        assert_eq!(numbers["contact_total"], expected, "{asked}");
    }
}

#[tokio::test]
async fn rights_are_held_within_a_tenant() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let operator = server.admin().await;
    let user = one.user(&server).await;
    let there = json!({"first_name": "Ada", "phone": "15550100", "tenant_id": other.tenant_id});
    let refused = user.post("/contacts", there.clone()).await.expect(412);
    assert_eq!(refused["detail"], "tenant_id: does not exist");

    let assignment = format!("/users/{}/tenants/{}", user.user_id, other.tenant_id);
    assert_eq!(one.admin.put(&assignment, json!({})).await.status, 403);
    operator.put(&assignment, json!({})).await.ok();
    assert_eq!(user.post("/contacts", there.clone()).await.status, 403);

    let role = format!(
        "/users/{}/roles/{}?tenant_id={}",
        user.user_id,
        server.role_id("user").await,
        other.tenant_id
    );
    let stranger = one.admin.put(&role, json!({})).await.expect(412);
    assert_eq!(stranger["detail"], "tenant_id: does not exist");
    other.admin.put(&role, json!({})).await.ok();
    let contact = user.post("/contacts", there).await.id("contact_id");
    let row = user.get(&format!("/contacts/{contact}")).await.ok();
    assert_eq!(row["tenant_id"], other.tenant_id);
    assert_eq!(
        ids(&other.admin, "/contacts", "contact_id").await,
        [contact]
    );
    assert_eq!(
        ids(&one.admin, "/contacts", "contact_id").await,
        Vec::<i64>::new()
    );

    let home = json!({"first_name": "Bob", "phone": "15550101"});
    let at_home = user.post("/contacts", home).await.id("contact_id");
    assert_eq!(
        ids(&user, "/contacts", "contact_id").await,
        [contact, at_home]
    );
    operator.delete(&assignment).await.ok();
    assert_eq!(ids(&user, "/contacts", "contact_id").await, [at_home]);
    let gone = user.get(&format!("/contacts/{contact}")).await;
    assert_eq!(gone.status, 404);
    let home = format!("/users/{}/tenants/{}", user.user_id, one.tenant_id);
    assert_eq!(operator.delete(&home).await.status, 423);
}

#[tokio::test]
async fn nobody_grants_within_a_tenant_what_they_hold_in_another() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let operator = server.admin().await;
    let user = other.user(&server).await;
    let assignment = format!("/users/{}/tenants/{}", one.admin.user_id, other.tenant_id);
    operator.put(&assignment, json!({})).await.ok();
    let grant = |user_id: i64, permission: i64| {
        let tenant = other.tenant_id;
        format!("/users/{user_id}/permissions/{permission}?tenant_id={tenant}")
    };
    for name in ["user_update", "user_admin"] {
        let own = grant(one.admin.user_id, server.permission_id(name).await);
        other.admin.put(&own, json!({})).await.ok();
    }
    let contact = server.permission_id("contact_admin").await;
    let theirs = grant(user.user_id, contact);
    assert_eq!(one.admin.put(&theirs, json!({})).await.status, 403);
    let installation = server.permission_id("installation_admin").await;
    let own = grant(other.admin.user_id, installation);
    assert_eq!(other.admin.put(&own, json!({})).await.status, 403);
}

#[tokio::test]
async fn only_administrators_of_the_installation_keep_tenants() {
    let server = Server::alone().await;
    let one = Company::on(&server).await;
    let operator = server.admin().await;
    let path = format!("/tenants/{}", one.tenant_id);
    let row = one.admin.get(&path).await.ok();
    assert_eq!(row["name"], "Analytical Engines");
    assert_eq!(
        ids(&one.admin, "/tenants", "tenant_id").await,
        [one.tenant_id]
    );
    assert_eq!(one.admin.get("/tenants/1").await.status, 404);
    let change = json!({"max_users": 2, "code": "ACME-1"});
    assert_eq!(one.admin.put(&path, change.clone()).await.status, 403);
    assert_eq!(
        one.admin
            .post("/tenants", json!({"code": "x"}))
            .await
            .status,
        403
    );
    let changed = operator.put(&path, change).await.ok();
    assert_eq!(
        (&changed["max_users"], &changed["code"]),
        (&json!(2), &json!("ACME-1"))
    );
    let taken = operator
        .post("/tenants", json!({"code": "acme-1"}))
        .await
        .expect(412);
    assert_eq!(taken["detail"], "code: is already in use");
    assert_eq!(operator.delete(&path).await.status, 423);
    assert_eq!(operator.delete("/tenants/1").await.status, 423);

    one.user(&server).await;
    let third = json!({
        "username": unique_name("third"), "passwd": "a-long-password", "tenant_id": one.tenant_id,
    });
    let refused = operator.post("/users", third).await.expect(423);
    assert_eq!(refused["detail"], "the tenant may have 2 users");
    let (change, has) = (json!({"max_users": null, "max_accounts": 2}), 2);
    operator.put(&path, change).await.ok();
    let accounts = ids(&one.admin, "/accounts", "account_id").await;
    assert_eq!(accounts.len(), has);
    let account = json!({"username": unique_name("third")});
    let refused = one.admin.post("/accounts", account).await.expect(423);
    assert_eq!(refused["detail"], "the tenant may have 2 accounts");
}

#[tokio::test]
async fn what_belongs_to_the_installation_is_hidden_from_tenants() {
    let server = Server::alone().await;
    let one = Company::on(&server).await;
    let operator = server.admin().await;
    let provider = json!({"name": "shared", "type": "sandbox"});
    let provider = operator
        .post("/providers", provider)
        .await
        .id("provider_id");
    let path = format!("/providers/{provider}");
    assert_eq!(one.admin.get(&path).await.status, 404);
    assert_eq!(
        ids(&one.admin, "/providers", "provider_id").await,
        Vec::<i64>::new()
    );
    assert_eq!(one.admin.get("/events").await.status, 403);
    let role = json!({"name": unique_name("role")});
    assert_eq!(one.admin.post("/roles", role).await.status, 403);
    assert!(!ids(&one.admin, "/roles", "role_id").await.is_empty());
}

/// Sends a mail to a new contact; answers the transmission.
async fn mail(client: &Client) -> Result<i64, Value> {
    let contact = client.contact("ada@example.com").await;
    let template = json!({"name": "news", "subject": "news", "body": "news"});
    let template = client
        .post("/messages/templates", template)
        .await
        .id("template_id");
    let program = client
        .post("/programs/sendemail", json!({"template_id": template}))
        .await;
    let program = program.id("program_id");
    let order = json!({"contact_id": contact, "program_id": program});
    let transmission = client
        .post("/transmissions", order)
        .await
        .id("transmission_id");
    let sent = client
        .get(&format!("/transmissions/{transmission}/send"))
        .await;
    if sent.status == 200 {
        Ok(transmission)
    } else {
        Err(sent.json())
    }
}

async fn outcome(client: &Client, transmission: i64) -> Value {
    let path = format!("/transmissions/{transmission}");
    eventually("an outcome", seconds(60), async || {
        let row = client.get(&path).await.ok();
        (!row["outcome"].is_null()).then_some(row)
    })
    .await
}

#[tokio::test]
async fn a_tenants_provider_serves_that_tenant_only() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let sandbox = json!({"name": "own", "type": "sandbox"});
    let provider = one
        .admin
        .post("/providers", sandbox)
        .await
        .id("provider_id");
    let row = one.admin.get(&format!("/providers/{provider}")).await.ok();
    assert_eq!(row["tenant_id"], one.tenant_id);
    let sent = mail(&one.admin).await.unwrap();
    assert_eq!(outcome(&one.admin, sent).await["outcome"], "delivered");
    let refused = mail(&other.admin).await.unwrap_err();
    assert_eq!(refused["status"], StatusCode::LOCKED.as_u16(), "{refused}");
    assert_eq!(
        other
            .admin
            .get(&format!("/providers/{provider}"))
            .await
            .status,
        404
    );
    let outbox = ids(&other.admin, "/sandbox/outbox", "outbox_id").await;
    assert_eq!(outbox, Vec::<i64>::new());
}

#[tokio::test]
async fn a_tenants_provider_reaches_public_addresses_only() {
    let server = Server::alone().await;
    let one = Company::on(&server).await;
    let smtp = json!({
        "name": "inside", "type": "smtp", "host": "127.0.0.1", "port": 2525,
        "settings": {"default_sender": "desk@example.com"},
    });
    one.admin.post("/providers", smtp).await.id("provider_id");
    let sent = mail(&one.admin).await.unwrap();
    let path = format!("/transmissions/{sent}/spools");
    eventually("the address is refused", seconds(120), async || {
        let spools = one.admin.get(&path).await.ok();
        let response = spools[0]["response"].as_str();
        response.filter(|it| it.contains("not public")).map(drop)
    })
    .await;
}

#[tokio::test]
async fn an_account_administrator_assigns_the_tenants_numbers_only() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let operator = server.admin().await;
    let own = json!({"numbers": ["+4930111"], "mail_domains": ["One.Example"]});
    operator
        .put(&format!("/tenants/{}", one.tenant_id), own.clone())
        .await
        .ok();
    let taken = operator
        .put(&format!("/tenants/{}", other.tenant_id), own)
        .await;
    assert_eq!(taken.expect(412)["detail"], "numbers: is already in use");
    for (company, phone, email, has) in [
        (&one, "+4930111", "desk@one.example", true),
        (&other, "+4930111", "desk@one.example", false),
        (&one, "+4930222", "desk@two.example", false),
    ] {
        let account = json!({"username": unique_name("desk"), "phone": phone, "email": email});
        let id = company
            .admin
            .post("/accounts", account)
            .await
            .id("account_id");
        let row = company.admin.get(&format!("/accounts/{id}")).await.ok();
        assert_eq!(row["phone_status"] == "assigned", has, "{row}");
        assert_eq!(row["email_status"] == "assigned", has, "{row}");
        let body = json!({"field": "phone", "address": phone});
        let assigned = company
            .admin
            .post(&format!("/accounts/{id}/assign"), body)
            .await;
        assert_eq!(assigned.status == 200, has, "{}", assigned.text());
    }
}

#[tokio::test]
async fn a_mail_domain_is_its_tenants_in_each_of_its_spellings() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let (operator, first) = (server.admin().await, server.user(&["user"]).await);
    for permission in ["account", "account_admin"] {
        let id = server.permission_id(permission).await;
        let granted = format!("/users/{}/permissions/{id}", first.user_id);
        operator.put(&granted, json!({})).await.ok();
    }
    let listed = async |company: &Company, domain: &str| {
        let path = format!("/tenants/{}", company.tenant_id);
        operator.put(&path, json!({"mail_domains": [domain]})).await
    };
    listed(&one, "xn--mnchen-3ya.example").await.ok();
    listed(&other, "M\u{fc}nchen.example").await.expect(412);
    listed(&other, "B\u{fc}cher.example").await.ok();
    for (administrator, email, is_theirs) in [
        (&one.admin, "desk@m\u{fc}nchen.example", true),
        (&one.admin, "info@xn--mnchen-3ya.example", true),
        (&other.admin, "a@xn--bcher-kva.example", true),
        (&other.admin, "b@m\u{fc}nchen.example", false),
        (&first, "c@m\u{fc}nchen.example", false),
        (&first, "d@xn--mnchen-3ya.example", false),
        (&first, "e@b\u{fc}cher.example", false),
    ] {
        let account = json!({"username": unique_name("desk"), "email": email});
        let id = administrator.post("/accounts", account).await;
        let id = id.id("account_id");
        let row = administrator.get(&format!("/accounts/{id}")).await.ok();
        assert_eq!(row["email_status"] == "assigned", is_theirs, "{row}");
    }
}
