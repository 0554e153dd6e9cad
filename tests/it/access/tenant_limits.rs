//! The limits of a tenant, and its end.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Client, Company, Database, Server, Setup, unique_name};

/// The rows of a list that are within a tenant.
async fn within(operator: &Client, list: &str, tenant: i64) -> Vec<Value> {
    let rows = operator.get(&format!("{list}?tenant_id={tenant}")).await;
    rows.ok().as_array().unwrap().clone()
}

async fn limit(operator: &Client, company: &Company, limits: Value) {
    let path = format!("/tenants/{}", company.tenant_id);
    operator.put(&path, limits).await.ok();
}

/// The statuses of this many requests at once for a new one, half of them at each process.
async fn statuses(clients: [&Client; 2], path: &str, count: usize) -> Vec<u16> {
    let asked = (0..count).map(|n| {
        let name = unique_name("crowd");
        let body = json!({"username": name, "passwd": "a-long-password"});
        clients[n % 2].post(path, body)
    });
    let answers = join_all(asked).await;
    answers.iter().map(|answer| answer.status).collect()
}

fn count(statuses: &[u16], wanted: u16) -> usize {
    statuses.iter().filter(|it| **it == wanted).count()
}

#[tokio::test]
async fn requests_at_once_do_not_pass_a_limit_on_accounts() {
    let database = Database::create().await;
    let server = Setup::on(&database).start().await;
    let second = Setup::on(&database).set("ROLE", "api").start().await;
    let company = Company::on(&server).await;
    let operator = server.admin().await;
    let has = within(&operator, "/accounts", company.tenant_id)
        .await
        .len();
    limit(&operator, &company, json!({"max_accounts": has + 3})).await;
    let there = second.stranger().with_token(company.admin.token());
    let statuses = statuses([&company.admin, &there], "/accounts", 20).await;
    assert_eq!(count(&statuses, 200), 3, "{statuses:?}");
    assert_eq!(count(&statuses, 423), 17, "{statuses:?}");
    let rows = within(&operator, "/accounts", company.tenant_id).await;
    assert_eq!(rows.len(), has + 3);
}

#[tokio::test]
async fn requests_at_once_do_not_pass_a_limit_on_users() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let operator = server.admin().await;
    let has = within(&operator, "/users", company.tenant_id).await.len();
    limit(&operator, &company, json!({"max_users": has + 2})).await;
    let statuses = statuses([&company.admin, &company.admin], "/users", 20).await;
    assert_eq!(count(&statuses, 200), 2, "{statuses:?}");
    assert_eq!(count(&statuses, 423), 18, "{statuses:?}");
    let rows = within(&operator, "/users", company.tenant_id).await;
    assert_eq!(rows.len(), has + 2);
    // The account of a new user needs room too.
    let accounts = within(&operator, "/accounts", company.tenant_id).await;
    let limits = json!({"max_users": null, "max_accounts": accounts.len()});
    limit(&operator, &company, limits).await;
    let user = json!({"username": unique_name("late"), "passwd": "a-long-password"});
    company.admin.post("/users", user).await.expect(423);
    let rows = within(&operator, "/users", company.tenant_id).await;
    assert_eq!(rows.len(), has + 2, "no user is left without an account");
}

#[tokio::test]
async fn a_tenant_is_deleted_once_nothing_is_within_it() {
    let server = Server::alone().await;
    let company = Company::on(&server).await;
    let (operator, tenant) = (server.admin().await, company.tenant_id);
    company.admin.contact("left@example.com").await;
    let sandbox = json!({"name": "own", "type": "sandbox"});
    company.admin.post("/providers", sandbox).await.ok();
    let path = format!("/tenants/{tenant}");
    let refused = operator.delete(&path).await.expect(423);
    assert_eq!(refused["detail"], "there are users within it");

    let own = format!("/users/{}/tenants/{tenant}", operator.user_id);
    operator.delete(&own).await.ok();
    let user = format!("/users/{}", company.admin.user_id);
    operator.delete(&user).await.ok();
    let refused = operator.delete(&path).await.expect(423);
    let left = "there are accounts, contacts, providers within it";
    assert_eq!(refused["detail"], left);
    for list in ["account", "contact", "provider"] {
        for row in within(&operator, &format!("/{list}s"), tenant).await {
            operator.delete(&path).await.expect(423);
            let thing = format!("/{list}s/{}", row[format!("{list}_id")]);
            operator.delete(&thing).await.ok();
        }
    }
    operator.delete(&path).await.ok();
    operator.get(&path).await.expect(404);
}
