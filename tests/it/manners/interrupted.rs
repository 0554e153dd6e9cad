//! A write with an Idempotency-Key that is interrupted by a kill of the server.

use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection, query_scalar};

use super::idempotency::keyed;
use crate::{
    contract::things::Things,
    harness::{Answer, Client, Database, Mailing, Server, Setup, TIMEOUT, eventually, seconds},
};

fn ada() -> Value {
    json!({"first_name": "Ada", "phone": "15550100"})
}

/// Locks a table exclusively, until the connection is dropped.
async fn shut(server: &Server, table: &str) -> PgConnection {
    let mut sql = server.sql().await;
    sql.execute("begin").await.unwrap();
    let lock = format!("lock table {table} in access exclusive mode");
    sql.execute(lock.as_str()).await.unwrap();
    sql
}

async fn count(server: &Server, what: &str) -> i64 {
    let sql = format!("select count(*) from {what}");
    let mut server = server.sql().await;
    query_scalar(&sql).fetch_one(&mut server).await.unwrap()
}

/// Begins a request that will not get a response.
fn begin(client: &Client, method: &'static str, path: &str, body: Value) {
    let (client, path) = (client.clone(), path.to_owned());
    tokio::spawn(async move {
        let request = client
            .request(method, &path)
            .header("idempotency-key", "cut");
        let _ = client.try_send(request.json(&body)).await;
    });
}

/// Kills the server after a request's events were appended and before its response was stored,
/// restarts it, and repeats the request.
async fn cut_after_the_append(
    server: &mut Server,
    method: &'static str,
    path: &str,
    body: Value,
) -> Answer {
    let client = server.admin().await;
    let lock = shut(server, "once.answers").await;
    let marks = count(server, "once.marks").await;
    begin(&client, method, path, body.clone());
    eventually("it is appended", seconds(10), async || {
        (count(server, "once.marks").await > marks).then_some(())
    })
    .await;
    server.kill9();
    drop(lock);
    server.start().await;
    keyed(&server.admin().await, method, path, "cut", &body).await
}

async fn on_a_scratch_database() -> Server {
    Setup::on(&Database::create().await).start().await
}

#[tokio::test]
async fn what_was_appended_and_never_answered_is_answered_and_not_done_twice() {
    let mut server = on_a_scratch_database().await;
    let answer = cut_after_the_append(&mut server, "POST", "/contacts", ada()).await;
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
    let contact = answer.id("contact_id");
    let admin = server.admin().await;
    let list = admin.get("/contacts").await.ok();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["contact_id"], contact);
    let other = json!({"first_name": "Grace", "phone": "1"});
    keyed(&admin, "POST", "/contacts", "cut", &other)
        .await
        .expect(409);
}

#[tokio::test]
async fn an_update_and_a_send_are_answered_after_a_crash_as_well() {
    let mut server = on_a_scratch_database().await;
    let admin = server.admin().await;
    let contact = admin.contact("cut@example.com").await;
    let path = format!("/contacts/{contact}");
    let update = json!({"first_name": "Grace"});
    let updated = cut_after_the_append(&mut server, "PUT", &path, update).await;
    assert_eq!(updated.ok()["first_name"], "Grace");
    assert_eq!(updated.header("etag"), Some("\"2\""));

    let admin = server.admin().await;
    let transmission = Mailing::new(&admin).await.to(contact).await;
    let mut sql = server.sql().await;
    sql.execute("delete from once.requests").await.unwrap();
    let provider = json!({"name": "sandbox", "type": "sandbox", "active": 1});
    admin.post("/providers", provider).await.ok();
    let path = format!("/transmissions/{transmission}/send");
    let sent = cut_after_the_append(&mut server, "POST", &path, json!({})).await;
    let spool = sent.id("spool_id");
    let detail = format!("/transmissions/{transmission}/detail");
    let attempts = server.admin().await.get(&detail).await.ok();
    assert_eq!(attempts.as_array().unwrap().len(), 1);
    assert_eq!(attempts[0]["spool_id"], spool);
}

#[tokio::test]
async fn an_update_of_a_campaign_is_answered_after_a_crash_in_the_unit_it_was_asked_in() {
    for (unit, cpm) in [("second", json!(0.05)), ("minute", json!(3))] {
        let setup = Setup::on(&Database::create().await).set("CPM_UNIT", unit);
        let mut server = setup.start().await;
        let campaign = Things::on(&server).await.fresh("campaign").await;
        let path = format!("/campaigns/{campaign}");
        let update = json!({"cpm": cpm.clone()});
        let updated = cut_after_the_append(&mut server, "PUT", &path, update).await;
        assert_eq!(updated.header("etag"), Some("\"2\""), "{unit}");
        let updated = updated.ok();
        assert_eq!(updated["cpm"], cpm, "{unit}");
        assert_eq!(updated["delay"], 20_000, "{unit}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_409_and_says_it_was_done() {
    let mut server = on_a_scratch_database().await;
    let account = json!({"username": "spokesman"});
    let admin = server.admin().await;
    let account = admin.post("/accounts", account).await.id("account_id");
    let path = format!("/accounts/{account}/settings/colour");
    let body = json!({"value": "blue"});
    let answer = cut_after_the_append(&mut server, "PUT", &path, body).await;
    let said = answer.expect(409)["detail"].to_string();
    assert!(said.contains("carried out"), "{said}");
    assert_eq!(server.admin().await.get(&path).await.ok()["value"], "blue");
}

#[tokio::test]
async fn a_crash_before_the_append_leaves_nothing_stuck() {
    let mut server = on_a_scratch_database().await;
    let admin = server.admin().await;
    let lock = shut(&server, "append_lock").await;
    begin(&admin, "POST", "/contacts", ada());
    eventually("it is claimed", seconds(10), async || {
        (count(&server, "once.requests").await == 1).then_some(())
    })
    .await;
    server.kill9();
    // Postgres may still execute the statement, or notice that its client is gone.
    lock.close().await.unwrap();
    server.start().await;
    let admin = server.admin().await;
    keyed(&admin, "POST", "/contacts", "cut", &ada())
        .await
        .id("contact_id");
    let list = admin.get("/contacts").await.ok();
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_client_that_went_away_comes_back_for_its_answer() {
    let server = on_a_scratch_database().await;
    let admin = server.admin().await;
    let lock = shut(&server, "append_lock").await;
    let request = admin.request("POST", "/contacts").json(&ada());
    let request = request.header("idempotency-key", "cut");
    let hasty = tokio::spawn(request.send());
    eventually("it is claimed", TIMEOUT, async || {
        (count(&server, "once.requests").await == 1).then_some(())
    })
    .await;
    assert!(!hasty.is_finished(), "answered in spite of the lock");
    hasty.abort();
    let waiting = tokio::spawn({
        let admin = admin.clone();
        async move { keyed(&admin, "POST", "/contacts", "cut", &ada()).await }
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    drop(lock);
    let answer = waiting.await.unwrap();
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
    answer.id("contact_id");
    let list = admin.get("/contacts").await.ok();
    assert_eq!(list.as_array().unwrap().len(), 1);
}
