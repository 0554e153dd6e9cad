//! Rights to addresses that an earlier version did not know.

use serde_json::{Value, json};

use crate::harness::{Client, Database, Dump, Server, Setup};

async fn upgraded(settings: &[(&str, &str)]) -> (Server, Client) {
    let database = Database::from_dump().await;
    let setup = Setup::on(&database);
    let set = |setup: Setup, (name, value): &(&str, &str)| setup.set(name, value);
    let server = settings.iter().fold(setup, set).start().await;
    let admin = server.admin().await;
    (server, admin)
}

async fn account(admin: &Client, name: &str) -> Value {
    let id = Dump::recorded().id(&format!("account.{name}"));
    admin.get(&format!("/accounts/{id}")).await.ok()
}

async fn listed(admin: &Client, filter: &str) -> Vec<i64> {
    let rows = admin
        .get(&format!("/accounts?{filter}=1&limit=1000"))
        .await
        .ok();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["account_id"].as_i64().unwrap())
        .collect()
}

fn ids(names: &[&str]) -> Vec<i64> {
    let id = |name: &&str| Dump::recorded().id(&format!("account.{name}"));
    names.iter().map(id).collect()
}

#[tokio::test]
async fn what_an_administrator_set_is_assigned() {
    let (_server, admin) = upgraded(&[]).await;
    for name in ["victim", "left", "right", "did", "heir", "account"] {
        assert_eq!(
            account(&admin, name).await["phone_status"],
            "assigned",
            "{name}"
        );
    }
    // An account administrator who is not `admin`.
    assert_eq!(account(&admin, "other").await["email_status"], "assigned");
    let mixed = account(&admin, "tokens").await;
    assert_eq!(mixed["phone_status"], "assigned");
    assert_eq!(mixed["email_status"], "provisional");
}

#[tokio::test]
async fn what_users_set_is_provisional_and_listed() {
    let (server, admin) = upgraded(&[]).await;
    for name in ["plain", "claimed_by_user"] {
        assert_eq!(
            account(&admin, name).await["phone_status"],
            "provisional",
            "{name}"
        );
    }
    let unverified = listed(&admin, "unverified").await;
    for id in ids(&["plain", "claimed_by_user", "tokens"]) {
        assert!(unverified.contains(&id), "{id}: {unverified:?}");
    }
    let readyz = server.stranger().get("/readyz").await.ok();
    assert!(
        readyz["provisional_addresses"]["accounts"].as_i64() >= Some(3),
        "{readyz}"
    );
    assert!(
        server
            .log()
            .contains("accounts use numbers or addresses that nobody verified")
    );
}

#[tokio::test]
async fn of_two_holders_the_first_keeps_the_address() {
    let (_server, admin) = upgraded(&[]).await;
    let conflict = listed(&admin, "conflict").await;
    for id in ids(&["victim", "right", "gone"]) {
        assert!(conflict.contains(&id), "{id}: {conflict:?}");
    }
    for id in ids(&["claimed_by_user", "left", "heir"]) {
        assert!(!conflict.contains(&id), "{id}: {conflict:?}");
    }
}

#[tokio::test]
async fn both_holders_of_an_address_can_be_changed_and_deleted() {
    let (_server, admin) = upgraded(&[]).await;
    let [left, right] = ids(&["left", "right"])[..] else {
        panic!("two accounts");
    };
    for id in [right, left] {
        let path = format!("/accounts/{id}");
        admin
            .put(&path, json!({"first_name": "Changed"}))
            .await
            .ok();
        admin
            .put(&path, json!({"phone": format!("+493099{id}")}))
            .await
            .ok();
        assert_eq!(admin.get(&path).await.ok()["phone_status"], "assigned");
    }
    // The claim on the number is with the one who had it, and free for an administrator.
    let back = json!({"phone": "+4930111002"});
    let path = format!("/accounts/{right}");
    admin.put(&path, back).await.ok();
    assert!(
        !listed(&admin, "conflict").await.is_empty(),
        "its mailbox is the other's still"
    );
    for id in [left, right] {
        admin.delete(&format!("/accounts/{id}")).await.ok();
    }
}

#[tokio::test]
async fn the_upgrade_is_made_once() {
    let (mut server, admin) = upgraded(&[]).await;
    let events = "/events?aggregate_type=account&limit=1000";
    let before = admin
        .get(events)
        .await
        .header("x-total-count")
        .map(ToOwned::to_owned);
    assert!(server.sigterm(crate::harness::seconds(60)).success());
    server.start().await;
    let after = server.admin().await.get(events).await;
    assert_eq!(after.header("x-total-count").map(ToOwned::to_owned), before);
}

#[tokio::test]
async fn a_trusted_installation_assigns_all_of_it() {
    let (_server, admin) = upgraded(&[("ADDRESSES", "trusted")]).await;
    assert!(listed(&admin, "unverified").await.is_empty());
    assert_eq!(account(&admin, "plain").await["email_status"], "assigned");
}

#[tokio::test]
async fn without_grace_nothing_provisional_receives() {
    let (server, admin) = upgraded(&[("SENDER_GRACE", "0")]).await;
    let plain = account(&admin, "plain").await;
    let to = plain["email"].as_str().unwrap().to_owned();
    let mut postman =
        crate::harness::Postman::greeted(server.mail_port("lmtp"), "LHLO tests").await;
    let answers = postman.bring(&[&to], "Subject: hello\r\n\r\nhello").await;
    assert!(answers[0].starts_with("550"), "{answers:?}");
    let assigned = account(&admin, "account").await;
    let to = assigned["email"].as_str().unwrap().to_owned();
    let answers = postman.bring(&[&to], "Subject: hello\r\n\r\nhello").await;
    assert!(answers[0].starts_with("250"), "{answers:?}");
}
