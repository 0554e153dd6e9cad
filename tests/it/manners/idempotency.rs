//! A write with an Idempotency-Key is carried out once.

use serde_json::{Value, json};
use sqlx::query_scalar;

use crate::harness::{Answer, Client, Company, Database, Mailing, Server, Setup, unique_name};

/// Sends a body under a key.
pub async fn keyed(client: &Client, method: &str, path: &str, key: &str, body: &Value) -> Answer {
    let request = client.request(method, path).header("idempotency-key", key);
    client.send(request.json(body)).await
}

fn ada() -> Value {
    json!({"first_name": "Ada", "phone": "15550100"})
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

async fn contacts(client: &Client) -> usize {
    client.get("/contacts").await.ok().as_array().unwrap().len()
}

#[tokio::test]
async fn a_write_that_comes_again_is_answered_again() {
    let user = Server::shared().await.user(&["user"]).await;
    let first = keyed(&user, "POST", "/contacts", "k", &ada()).await;
    let second = keyed(&user, "POST", "/contacts", "k", &ada()).await;
    assert!(!is_replay(&first) && is_replay(&second));
    assert_eq!(first.id("contact_id"), second.id("contact_id"));
    assert_eq!(second.header("content-type"), Some("application/json"));
    assert_eq!(contacts(&user).await, 1);
}

#[tokio::test]
async fn an_update_is_answered_as_it_was_then() {
    let user = Server::shared().await.user(&["user"]).await;
    let path = format!("/contacts/{}", user.contact("then@example.com").await);
    let grace = json!({"first_name": "Grace"});
    let first = keyed(&user, "PUT", &path, "then", &grace).await;
    user.put(&path, json!({"first_name": "Later"})).await.ok();
    let second = keyed(&user, "PUT", &path, "then", &grace).await;
    assert_eq!(
        (second.status, second.body.clone()),
        (200, first.body.clone())
    );
    assert_eq!(second.header("etag"), first.header("etag"));
    assert_eq!(user.get(&path).await.ok()["first_name"], "Later");
}

#[tokio::test]
async fn another_request_with_the_same_key_is_409() {
    let user = Server::shared().await.user(&["user"]).await;
    keyed(&user, "POST", "/contacts", "taken", &ada())
        .await
        .ok();
    let other_body = json!({"first_name": "Grace", "phone": "15550100"});
    let others = [
        ("POST", "/contacts", &other_body),
        ("POST", "/contacts?x=1", &ada()),
        ("POST", "/groups", &ada()),
        ("PUT", "/contacts", &ada()),
    ];
    for (method, path, body) in others {
        let answer = keyed(&user, method, path, "taken", body).await;
        answer.expect(409);
        assert!(!is_replay(&answer), "{method} {path}");
    }
    assert_eq!(contacts(&user).await, 1);
}

#[tokio::test]
async fn a_key_is_its_users_own() {
    let server = Server::shared().await;
    let (one, other) = (server.user(&["user"]).await, server.user(&["user"]).await);
    let first = keyed(&one, "POST", "/contacts", "shared", &ada()).await;
    let second = keyed(&other, "POST", "/contacts", "shared", &ada()).await;
    assert!(!is_replay(&second));
    assert_ne!(first.id("contact_id"), second.id("contact_id"));
}

#[tokio::test]
async fn a_refusal_of_what_was_asked_is_kept_and_one_of_the_moment_is_not() {
    let server = Server::shared().await;
    let (user, admin) = (server.user(&[]).await, server.admin().await);
    keyed(&user, "POST", "/contacts", "later", &ada())
        .await
        .expect(403);
    let role = server.role_id("user").await;
    let roles = format!("/users/{}/roles/{role}", user.user_id);
    admin.put(&roles, json!({})).await.ok();
    keyed(&user, "POST", "/contacts", "later", &ada())
        .await
        .ok();

    let wrong = json!({"phone": 1});
    for replay in [false, true] {
        let answer = keyed(&user, "POST", "/contacts", "wrong", &wrong).await;
        assert_eq!(answer.fields(), ["first_name"]);
        assert_eq!((answer.status, is_replay(&answer)), (412, replay));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
}

/// Forgets the kept answers, as if the server had died before it kept them.
async fn forget_answers(server: &Server) {
    let mut sql = server.sql().await;
    for statement in [
        "delete from once.answers",
        "update once.requests set lease_until = now()",
    ] {
        sqlx::query(statement).execute(&mut sql).await.unwrap();
    }
}

#[tokio::test]
async fn whoever_has_left_a_tenant_is_not_answered_again_from_it() {
    let server = Server::alone().await;
    let (one, other) = (Company::on(&server).await, Company::on(&server).await);
    let (operator, user) = (server.admin().await, one.user(&server).await);
    let within = format!("/users/{}/tenants/{}", user.user_id, other.tenant_id);
    operator.put(&within, json!({})).await.ok();
    let role = server.role_id("user").await;
    let (id, tenant) = (user.user_id, other.tenant_id);
    let given = format!("/users/{id}/roles/{role}?tenant_id={tenant}");
    operator.put(&given, json!({})).await.ok();
    let body = json!({"phone": "15550100", "first_name": "secret", "tenant_id": tenant});
    let there = user.post("/contacts", body).await.id("contact_id");
    let (there, here) = (
        format!("/contacts/{there}"),
        format!("/contacts/{}", user.contact("here@example.com").await),
    );
    let change = json!({"last_name": "one"});
    for (path, key) in [(&there, "there"), (&here, "here")] {
        keyed(&user, "PUT", path, key, &change).await.ok();
        assert!(is_replay(&keyed(&user, "PUT", path, key, &change).await));
    }
    operator.delete(&within).await.ok();
    let again = keyed(&user, "PUT", &there, "there", &change).await;
    assert!(!again.expect(403).to_string().contains("secret"));
    assert!(is_replay(
        &keyed(&user, "PUT", &here, "here", &change).await
    ));
    forget_answers(&server).await;
    let again = keyed(&user, "PUT", &there, "there", &change).await;
    assert!(!again.expect(409).to_string().contains("secret"));
    assert!(is_replay(
        &keyed(&user, "PUT", &here, "here", &change).await
    ));
}

#[tokio::test]
async fn whoever_may_not_ask_any_more_is_not_answered_again() {
    let server = Server::shared().await;
    let (admin, user) = (server.admin().await, server.user(&["user"]).await);
    keyed(&user, "POST", "/contacts", "once", &ada()).await.ok();
    let role = server.role_id("user").await;
    let path = format!("/users/{}/roles/{role}", user.user_id);
    admin.delete(&path).await.ok();
    let again = keyed(&user, "POST", "/contacts", "once", &ada()).await;
    assert!(!is_replay(&again));
    again.expect(403);
}

#[tokio::test]
async fn a_key_is_one_to_255_visible_letters() {
    let user = Server::shared().await.user(&["user"]).await;
    for key in ["", "a b", &"x".repeat(256)] {
        let answer = keyed(&user, "POST", "/contacts", key, &ada()).await;
        answer.expect(412);
        assert_eq!(answer.fields(), ["Idempotency-Key"], "{key:?}");
    }
    keyed(&user, "POST", "/contacts", &"x".repeat(255), &ada())
        .await
        .ok();
    let twice = user.request("POST", "/contacts").json(&ada());
    let twice = twice
        .header("idempotency-key", "a")
        .header("idempotency-key", "b");
    user.send(twice).await.expect(412);
    let strange = server_wide_stranger().await;
    keyed(&strange, "POST", "/contacts", "k", &ada())
        .await
        .expect(401);
}

async fn server_wide_stranger() -> Client {
    Server::shared().await.stranger()
}

#[tokio::test]
async fn a_get_that_sends_sends_once() {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let contact = user.contact("once@example.com").await;
    let transmission = mailing.to(contact).await;
    let path = format!("/transmissions/{transmission}/send");
    let mut spools = Vec::new();
    for _ in 0..2 {
        let request = user.request("GET", &path).header("idempotency-key", "send");
        spools.push(user.send(request).await.id("spool_id"));
    }
    assert_eq!(spools[0], spools[1]);
    mailing.ended(transmission).await;
    assert_eq!(mailing.attempts(transmission).await.len(), 1);
}

#[tokio::test]
async fn a_delete_that_comes_again_is_no_404() {
    let user = Server::shared().await.user(&["user"]).await;
    let contact = user.contact("gone@example.com").await;
    let path = format!("/contacts/{contact}");
    for _ in 0..2 {
        let request = user
            .request("DELETE", &path)
            .header("idempotency-key", "gone");
        assert_eq!(user.send(request).await.id("contact_id"), contact);
    }
    user.delete(&path).await.expect(404);
}

#[tokio::test]
async fn a_read_takes_no_notice_of_a_key() {
    let user = Server::shared().await.user(&["user"]).await;
    for count in 0..2 {
        let request = user
            .request("GET", "/contacts")
            .header("idempotency-key", "list");
        let answer = user.send(request).await;
        assert_eq!(answer.ok().as_array().unwrap().len(), count);
        user.contact("read@example.com").await;
    }
}

#[tokio::test]
async fn an_upload_is_told_by_its_bytes() {
    let user = Server::shared().await.user(&["user"]).await;
    let template = Mailing::new(&user).await.template_id;
    let path = format!("/messages/templates/{template}/media");
    let upload = async |bytes: Vec<u8>| {
        let request = user.request("PUT", &path).header("idempotency-key", "file");
        let request = request.header("content-type", "application/pdf");
        user.send(request.body(bytes)).await
    };
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    upload(large.clone()).await.ok();
    assert!(is_replay(&upload(large.clone()).await));
    let mut other = large.clone();
    other[2_999_999] ^= 1;
    upload(other).await.expect(409);
    assert_eq!(user.get(&path).await.body, large);
}

#[tokio::test]
async fn of_identical_requests_at_once_one_is_carried_out() {
    let database = Database::create().await;
    let one = Setup::on(&database).start().await;
    let other = Setup::on(&database).start().await;
    let (here, there) = (one.admin().await, other.admin().await);
    for round in 0..5 {
        let key = format!("race{round}");
        let asked = (0..8).map(|n| {
            let client = if n % 2 == 0 { &here } else { &there };
            let (client, key) = (client.clone(), key.clone());
            tokio::spawn(async move { keyed(&client, "POST", "/contacts", &key, &ada()).await })
        });
        let mut ids = Vec::new();
        let mut replays = 0;
        for answer in asked.collect::<Vec<_>>() {
            let answer = answer.await.unwrap();
            replays += usize::from(is_replay(&answer));
            ids.push(answer.id("contact_id"));
        }
        ids.dedup();
        assert_eq!((ids.len(), replays), (1, 7));
    }
    assert_eq!(contacts(&here).await, 5);
}

#[tokio::test]
async fn a_key_outlives_a_restart_and_dies_after_a_day() {
    let mut server = Server::alone().await;
    let admin = server.admin().await;
    let first = keyed(&admin, "POST", "/contacts", "night", &ada()).await;
    server.sigterm(crate::harness::seconds(15));
    server.start().await;
    let admin = server.admin().await;
    let second = keyed(&admin, "POST", "/contacts", "night", &ada()).await;
    assert!(is_replay(&second));
    assert_eq!(first.id("contact_id"), second.id("contact_id"));

    let mut sql = server.sql().await;
    let day = "update once.requests set expires_at = now(), lease_until = now() \
               where expires_at > now() + interval '23 h' returning key";
    let keys: Vec<String> = query_scalar(day).fetch_all(&mut sql).await.unwrap();
    assert_eq!(keys, ["night"]);
    let third = keyed(&admin, "POST", "/contacts", "night", &ada()).await;
    assert!(!is_replay(&third));
    assert_ne!(first.id("contact_id"), third.id("contact_id"));
}

#[tokio::test]
async fn what_is_kept_shows_nobody_and_goes_with_the_person() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    let path = format!("/contacts/{}", admin.contact("kept@example.com").await);
    let update = json!({"first_name": "Xanthippe"});
    keyed(&admin, "PUT", &path, "kept", &update).await.ok();
    let login = json!({"username": "admin", "password": crate::harness::ADMIN_PASSWORD});
    keyed(
        &admin,
        "POST",
        "/authenticate",
        &unique_name("login"),
        &login,
    )
    .await
    .ok();

    let mut sql = server.sql().await;
    let kept = "select count(*) from once.answers where subject is not null";
    let kept = async |sql: &mut _| query_scalar::<_, i64>(kept).fetch_one(sql).await.unwrap();
    let text = "select string_agg(a::text || r::text, '') from once.answers a, once.requests r";
    let text: String = query_scalar(text).fetch_one(&mut sql).await.unwrap();
    assert!(
        !text.contains("Xanthippe") && !text.contains("login"),
        "{text}"
    );
    let seen = "select has_schema_privilege('ledgerline_reader', 'once', 'usage')";
    let seen: bool = query_scalar(seen).fetch_one(&mut sql).await.unwrap();
    assert!(!seen, "analysts see what was answered");

    assert_eq!(kept(&mut sql).await, 1);
    admin.delete(&format!("{path}?erase=true")).await.ok();
    assert_eq!(kept(&mut sql).await, 0);
}
