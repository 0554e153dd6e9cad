//! The upgrade of rights to addresses, which an earlier version did not have.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Answer, Client, Database, Dump, EventLog, MailRecorder, Mailing, Postman, Server, Setup,
    TIMEOUT, delete_account, eventually, smtp_provider,
};

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
    // The address was written by an account administrator other than `admin`.
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
    let mut log = EventLog::open(&server).await;
    for event_type in ["AccountAddressProvided", "UserSmsSendersProvided"] {
        let causes = log.metadata(event_type).await;
        let by_upgrade = |it: &Value| it["process"] == "address upgrade";
        assert!(causes.iter().all(by_upgrade), "{causes:?}");
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
    for id in ids(&["victim", "right"]) {
        assert!(conflict.contains(&id), "{id}: {conflict:?}");
    }
    // The user of `gone` was deleted, and keeps no right to an address.
    for id in ids(&["claimed_by_user", "left", "heir", "gone"]) {
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
    // The old number was released, so that an administrator can assign it.
    let back = json!({"phone": "+4930111002"});
    let path = format!("/accounts/{right}");
    admin.put(&path, back).await.ok();
    assert!(
        !listed(&admin, "conflict").await.is_empty(),
        "its mailbox is the other's still"
    );
    for id in [left, right] {
        delete_account(&admin, id).await;
    }
}

#[tokio::test]
async fn the_upgrade_is_made_once() {
    let (mut server, admin) = upgraded(&[]).await;
    eventually("users who left are deprovisioned", TIMEOUT, async || {
        let accounts = [
            account(&admin, "inactive").await,
            account(&admin, "gone").await,
        ];
        let ended = accounts.iter().all(|account| account["active"] == 0);
        ended.then_some(())
    })
    .await;
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
    let gone = ids(&["gone"]);
    assert_eq!(
        listed(&admin, "unverified").await,
        gone,
        "its user was deleted"
    );
    assert_eq!(account(&admin, "plain").await["email_status"], "assigned");
}

#[tokio::test]
async fn without_grace_nothing_provisional_receives() {
    let (server, admin) = upgraded(&[("SENDER_GRACE", "0")]).await;
    let plain = account(&admin, "plain").await;
    let to = plain["email"].as_str().unwrap().to_owned();
    let mut postman = Postman::greeted(server.mail_port("lmtp"), "LHLO tests").await;
    let answers = answered(&mut postman, &to).await;
    assert!(answers.starts_with("550"), "{answers:?}");
    let assigned = account(&admin, "account").await;
    let to = assigned["email"].as_str().unwrap().to_owned();
    let answers = answered(&mut postman, &to).await;
    assert!(answers.starts_with("250"), "{answers:?}");
}

/// The reply for a recipient, once the read model of accounts has caught up with the log: mail is
/// deferred until then.
async fn answered(postman: &mut Postman, to: &str) -> String {
    loop {
        let answers = postman.bring(&[to], "Subject: hello\r\n\r\nhello").await;
        if !answers[0].starts_with("451") {
            return answers[0].clone();
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Requests a mail from an account of the dump.
async fn mail_from(admin: &Client, name: &str, to: &str) -> Answer {
    let account = Dump::recorded().id(&format!("account.{name}"));
    let contact = admin.contact(to).await;
    let mailing = Mailing::new(admin).await;
    let fields = json!({"contact_id": contact, "account_id": account});
    let transmission = mailing.with(fields).await;
    let path = format!("/transmissions/{transmission}/send");
    admin.post(&path, json!({})).await
}

#[tokio::test]
async fn what_was_in_use_is_sent_as_within_the_grace_only() {
    for (grace, works) in [("30", true), ("0", false)] {
        let (_server, admin) = upgraded(&[("SENDER_GRACE", grace)]).await;
        let mails = MailRecorder::start(0);
        smtp_provider(&admin, mails.port, 2).await;
        mail_from(&admin, "account", "assigned@example.com")
            .await
            .ok();
        let mail = mails.mail_to("assigned@example.com").await;
        assert!(mail.header("from")[0].contains("box@corp.example"));
        let answer = mail_from(&admin, "plain", "provisional@example.com").await;
        if !works {
            answer.expect(423);
            continue;
        }
        answer.ok();
        let mail = mails.mail_to("provisional@example.com").await;
        assert!(mail.header("from")[0].contains("plain@corp.example"));
    }
}

#[tokio::test]
async fn senders_that_an_administrator_set_are_listed() {
    let (_server, admin) = upgraded(&[]).await;
    for (name, sender) in [("account", "BANK"), ("plain", "+4930111099")] {
        let user = account(&admin, name).await["user_id"].clone();
        let list = admin.get(&format!("/users/{user}/sms_senders")).await.ok();
        let names = list["names"].as_array().unwrap();
        assert!(names.contains(&json!(sender)), "{list}");
    }
    let did = account(&admin, "did").await["user_id"].clone();
    let list = admin.get(&format!("/users/{did}/sms_senders")).await.ok();
    // The account's own number needs no entry.
    assert!(!list.to_string().contains("+4930111007"), "{list}");
}
