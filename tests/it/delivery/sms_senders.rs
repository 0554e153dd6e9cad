//! The sender of an SMS: a name that is listed for the account's user, a number that the account
//! may send as, else the provider's sender.

use serde_json::{Value, json};

use crate::harness::{
    Answer, Centre, Client, Database, EventLog, Mailing, Server, Setup, eventually, seconds,
    unique, unique_name,
};

/// A message centre, and a user who sends through it.
struct SmsSender {
    server: Server,
    admin: Client,
    user: Client,
    account: i64,
    centre: Centre,
}

impl SmsSender {
    async fn open(database: &Database, policy: &str, settings: Value) -> Self {
        let setup = Setup::on(database).set("ADDRESSES", policy);
        let server = setup.start().await;
        let admin = server.admin().await;
        let centre = Centre::start(&json!({}));
        let provider = json!({
            "name": unique_name("centre"), "type": "smpp", "host": "127.0.0.1",
            "port": centre.port, "username": "ledgerline", "password": "s3same",
            "settings": settings,
        });
        admin.post("/providers", provider).await.ok();
        let user = server.user(&["user"]).await;
        let accounts = user.get("/accounts").await.ok();
        Self {
            account: accounts[0]["account_id"].as_i64().unwrap(),
            server,
            admin,
            user,
            centre,
        }
    }

    fn list(&self) -> String {
        format!("/users/{}/sms_senders", self.user.user_id)
    }

    async fn lists(&self, names: &[&str]) -> Value {
        let names = json!({ "names": names });
        self.admin.put(&self.list(), names).await.ok()
    }

    /// Sets the account's sender to this name, as the user.
    async fn names(&self, sender: &str) -> Answer {
        let path = format!("/accounts/{}/settings/sms_sender", self.account);
        self.user.put(&path, json!({ "value": sender })).await
    }

    async fn numbers(&self, by: &Client, number: &str) {
        let path = format!("/accounts/{}", self.account);
        by.put(&path, json!({ "phone": number })).await.ok();
    }

    async fn ask(&self) -> (String, Answer) {
        let phone = format!("+49309{:06}900", unique());
        let contact = json!({"first_name": "Bob", "phone": phone});
        let contact = self.user.post("/contacts", contact).await.id("contact_id");
        let mailing = Mailing::texting(&self.user, json!({"data": "hello"})).await;
        let transmission = mailing.to(contact).await;
        let path = format!("/transmissions/{transmission}/send");
        (phone, self.user.post(&path, json!({})).await)
    }

    /// Sends a message; answers its sender.
    async fn sent(&self) -> String {
        let (phone, answer) = self.ask().await;
        answer.ok();
        let digits = phone.trim_start_matches('+');
        eventually("the message arrives", seconds(60), async || {
            let submits = self.centre.all("submit");
            let to = |it: &Value| it["to"].as_str().is_some_and(|to| to.ends_with(digits));
            let submit = submits.into_iter().find(to)?;
            submit["from"].as_str().map(ToOwned::to_owned)
        })
        .await
    }
}

async fn desk(settings: Value) -> SmsSender {
    SmsSender::open(&Database::create().await, "verified", settings).await
}

#[tokio::test]
async fn a_name_is_sent_under_once_and_while_it_is_listed() {
    let desk = desk(json!({"sender": "provider"})).await;
    let refused = desk.names("BANK").await;
    refused.expect(412);
    assert_eq!(refused.fields(), ["sms_sender"]);
    // The setting is refused even for an administrator, who could list the name.
    let path = format!("/accounts/{}/settings/sms_sender", desk.account);
    let by_admin = desk.admin.put(&path, json!({"value": "BANK"})).await;
    by_admin.expect(412);
    let own = json!({"names": ["BANK"]});
    desk.user.put(&desk.list(), own).await.expect(403);
    let listed = desk.lists(&["ACME Shop", "BANK"]).await;
    assert_eq!(listed["names"], json!(["ACME Shop", "BANK"]));
    assert_eq!(desk.user.get(&desk.list()).await.ok(), listed);
    desk.names("BANK").await.ok();
    assert_eq!(desk.sent().await, "BANK");
    // A name that is not listed any more is not used, even if the setting has it.
    desk.lists(&["ACME Shop"]).await;
    assert_eq!(desk.sent().await, "provider");
    let number = format!("+4930{:07}", unique());
    desk.numbers(&desk.admin, &number).await;
    assert_eq!(desk.sent().await, number.trim_start_matches('+'));
}

/// Messages that wait for the provider's rate were claimed, and composed, before.
#[tokio::test]
async fn a_message_that_waits_does_not_leave_under_a_name_that_was_taken_off() {
    const MESSAGES: usize = 12;
    let desk = desk(json!({"sender": "provider"})).await;
    let provider = desk.admin.get("/providers").await.ok();
    let is_ours = |it: &&Value| it["type"] == "smpp";
    let provider = provider.as_array().unwrap().iter().find(is_ours).unwrap();
    let path = format!("/providers/{}", provider["provider_id"]);
    let slowly = json!({"rate_limit": 1});
    desk.admin.put(&path, slowly).await.ok();
    desk.lists(&["BANK"]).await;
    desk.names("BANK").await.ok();
    for _ in 0..MESSAGES {
        desk.ask().await.1.ok();
    }
    let senders = || {
        let submits = desk.centre.all("submit");
        let from = |it: &Value| it["from"].as_str().map(ToOwned::to_owned);
        submits.iter().filter_map(from).collect::<Vec<_>>()
    };
    eventually("the first has left", seconds(60), async || {
        (!senders().is_empty()).then_some(())
    })
    .await;
    desk.lists(&[]).await;
    eventually("all have left", seconds(120), async || {
        (senders().len() == MESSAGES).then_some(())
    })
    .await;
    let mut log = EventLog::open(&desk.server).await;
    let started_after: i64 = sqlx::query_scalar(
        "select count(*) from events where event_type = 'SpoolStarted' and position > \
           (select max(position) from events where event_type = 'UserSmsSendersListed')",
    )
    .fetch_one(log.sql())
    .await
    .unwrap();
    let under_it = senders().iter().filter(|it| *it == "BANK").count();
    assert!(started_after > 1, "all had left before");
    // One message may have been about to start.
    let before = MESSAGES - usize::try_from(started_after).unwrap();
    assert!(
        (before..=before + 1).contains(&under_it),
        "{under_it} under it, {before} started before"
    );
}

#[tokio::test]
async fn a_number_needs_to_be_verified_or_assigned() {
    let desk = desk(json!({})).await;
    let number = format!("+4930{:07}", unique());
    desk.numbers(&desk.user, &number).await;
    let (_, refused) = desk.ask().await;
    refused.expect(423);
    assert!(refused.text().contains("sender"), "{}", refused.text());
    assert_eq!(desk.names(&number).await.fields(), ["sms_sender"]);
    let assign = format!("/accounts/{}/assign", desk.account);
    desk.admin
        .post(&assign, json!({"field": "phone", "address": number}))
        .await
        .ok();
    assert_eq!(desk.sent().await, number.trim_start_matches('+'));
    desk.names(&number.replace('+', "00")).await.ok();
    // Another number, such as a short code, has to be listed by an administrator.
    assert_eq!(desk.names("12345").await.fields(), ["sms_sender"]);
    desk.lists(&["12345"]).await;
    desk.names("12345").await.ok();
    assert_eq!(desk.sent().await, "12345");
}

#[tokio::test]
async fn a_list_has_fifty_senders_that_short_messages_take() {
    let server = Server::shared().await;
    let (admin, user) = (server.admin().await, server.user(&["user"]).await);
    let path = format!("/users/{}/sms_senders", user.user_id);
    let most: Vec<String> = (0..50).map(|n| format!("Name {n}")).collect();
    admin.put(&path, json!({ "names": most })).await.ok();
    let more: Vec<String> = (0..51).map(|n| format!("Name {n}")).collect();
    for wrong in [
        json!({ "names": more }),
        json!({"names": ["far too long a name"]}),
        json!({"names": ["Bänk"]}),
        json!({"names": [""]}),
        json!({"names": "BANK"}),
        json!({}),
    ] {
        let refused = admin.put(&path, wrong.clone()).await;
        refused.expect(412);
        assert_eq!(refused.fields(), ["names"], "{wrong}");
        let unknown = "/users/999999999/sms_senders";
        admin.put(unknown, wrong).await.expect(404);
    }
    let kept = user.get(&path).await.ok();
    assert_eq!(kept["names"], json!(most));
    let other = server.user(&["user"]).await;
    other.get(&path).await.expect(404);
    admin.get("/users/999999999/sms_senders").await.expect(404);
    let none = admin.put(&path, json!({"names": []})).await.ok();
    assert_eq!(none["names"], json!([]));
}

#[tokio::test]
async fn a_trusted_installation_sends_under_any_name() {
    let database = Database::create().await;
    let desk = SmsSender::open(&database, "trusted", json!({})).await;
    desk.names("BANK").await.ok();
    assert_eq!(desk.sent().await, "BANK");
}

/// Restarts the server as if the names had been set before lists existed: deletes the record of
/// the upgrade.
async fn before_lists(desk: &mut SmsSender) {
    sqlx::query("delete from identity.upgrades where name = 'sms_senders'")
        .execute(&mut desk.server.sql().await)
        .await
        .unwrap();
    assert!(desk.server.sigterm(seconds(60)).success());
}

#[tokio::test]
async fn a_name_in_use_before_may_be_sent_under_for_a_while() {
    for (grace, works) in [("30", true), ("0", false)] {
        let database = Database::create().await;
        let mut desk = SmsSender::open(&database, "trusted", json!({})).await;
        desk.names("BANK").await.ok();
        before_lists(&mut desk).await;
        let setup = Setup::on(&database).set("ADDRESSES", "verified");
        let server = setup.set("SENDER_GRACE", grace).start().await;
        let (admin, stranger) = (server.admin().await, server.stranger());
        let user = stranger.with_token(desk.user.token());
        let desk = SmsSender {
            user: user.known_as(desk.user.user_id),
            server,
            admin,
            ..desk
        };
        let list = desk.user.get(&desk.list()).await.ok();
        assert_eq!(list["provisional"], json!(["BANK"]), "{list}");
        let readyz = stranger.get("/readyz").await.ok();
        let shown = &readyz["provisional_senders"]["users"];
        assert_eq!(*shown, i64::from(works), "{readyz}");
        if works {
            assert_eq!(desk.sent().await, "BANK");
        } else {
            desk.ask().await.1.expect(423);
        }
        let listed = desk.lists(&["BANK"]).await;
        assert_eq!(listed["provisional"], json!([]), "{listed}");
        assert_eq!(desk.sent().await, "BANK");
    }
}
