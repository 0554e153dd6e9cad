//! Rights of accounts to receive at addresses, and their acquisition.

use serde_json::{Value, json};

use crate::harness::{
    Answer, Brings, Client, Database, MailRecorder, Receiving, Server, Setup, delete_account,
    every_event_names_its_causes, smtp_provider, unique, unique_name,
};

/// A server with this policy on addresses: `trusted` or `verified`.
pub(super) async fn server(policy: &str) -> Server {
    let setup = Setup::on(&Database::create().await);
    setup.set("ADDRESSES", policy).start().await
}

pub(super) fn number() -> String {
    format!("+4930{:07}", unique())
}

pub(super) fn mailbox() -> String {
    format!("{}@people.example", unique_name("box"))
}

/// A new account of a user, into which the user writes an address.
pub(super) async fn account(admin: &Client, user: &Client, field: &str, address: &str) -> i64 {
    let account = json!({"username": unique_name("desk"), "active": 1});
    let id = admin.post("/accounts", account).await.id("account_id");
    let path = format!("/accounts/{id}/users/{}", user.user_id);
    admin.put(&path, json!({})).await.ok();
    let path = format!("/accounts/{id}");
    user.put(&path, json!({ field: address })).await.ok();
    id
}

pub(super) async fn read(client: &Client, id: i64) -> Value {
    client.get(&format!("/accounts/{id}")).await.ok()
}

/// Assigns the address in a field to an account, as an administrator.
pub(super) async fn assign(client: &Client, id: i64, field: &str, address: &str) -> Answer {
    let said = json!({"field": field, "address": address});
    client.post(&format!("/accounts/{id}/assign"), said).await
}

async fn listed(client: &Client, filter: &str) -> Vec<i64> {
    let rows = client.get(&format!("/accounts?{filter}=1")).await.ok();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["account_id"].as_i64().unwrap())
        .collect()
}

/// An account of an administrator that receives SMS at a number.
pub(super) async fn receiver(admin: &Client, number: &str) -> Receiving {
    Receiving::new(admin, "receivesms", "phone", number.to_owned()).await
}

/// An account of a user that is to receive SMS at a number, which the user has written into it.
pub(super) async fn written(admin: &Client, user: &Client, number: &str) -> Receiving {
    let id = account(admin, user, "phone", number).await;
    Receiving::with(user, "receivesms", id, number.to_owned()).await
}

pub(super) async fn texted(receiving: &Receiving, by: &Brings, text: &str) -> u16 {
    let query = format!("from=%2B4930999&data={text}&id={}", unique());
    receiving.brought(by, &query).await.as_u16()
}

#[tokio::test]
async fn a_number_that_a_user_writes_brings_them_nothing() {
    let server = server("verified").await;
    let admin = server.admin().await;
    let mallory = server.user(&["user"]).await;
    let number = number();
    let stolen = written(&admin, &mallory, &number).await;
    let by = stolen.kannel(&admin).await;
    assert_eq!(texted(&stolen, &by, "hello").await, 404);
    let own = receiver(&admin, &number).await;
    assert_eq!(
        read(&admin, own.account_id).await["phone_status"],
        "assigned"
    );
    assert_eq!(texted(&own, &by, "hello").await, 200);
    own.arrived(&admin, 1).await;
    assert!(stolen.rows(&mallory).await.is_empty());
    let theirs = read(&mallory, stolen.account_id).await;
    assert_eq!(theirs["phone_status"], "unverified");
    assert_eq!(listed(&mallory, "unverified").await, [stolen.account_id]);
    mallory.get("/accounts?conflict=1").await.expect(403);
}

#[tokio::test]
async fn a_stop_to_an_unverified_number_is_not_theirs() {
    let server = server("verified").await;
    let admin = server.admin().await;
    let mallory = server.user(&["user"]).await;
    let stolen = written(&admin, &mallory, &number()).await;
    let by = stolen.kannel(&admin).await;
    assert_eq!(texted(&stolen, &by, "STOP").await, 404);
    let optouts = mallory.get("/optouts").await.ok();
    assert_eq!(optouts, json!([]));
}

#[tokio::test]
async fn colleagues_share_a_number_that_one_of_them_receives_at() {
    let server = server("verified").await;
    let admin = server.admin().await;
    let number = number();
    let first = receiver(&admin, &number).await;
    let second = receiver(&admin, &number.replace('+', "00")).await;
    assert_eq!(
        read(&admin, second.account_id).await["phone_status"],
        "assigned"
    );
    assert_eq!(listed(&admin, "conflict").await, [second.account_id]);
    let refused = assign(&admin, second.account_id, "phone", &number).await;
    refused.expect(412);
    assert!(
        refused.text().contains("already in use"),
        "{}",
        refused.text()
    );
    let by = first.kannel(&admin).await;
    assert_eq!(texted(&second, &by, "hello").await, 200);
    first.arrived(&admin, 1).await;
    // After the first account gives the number up, an administrator can assign it to another.
    delete_account(&admin, first.account_id).await;
    let passed_on = assign(&admin, second.account_id, "phone", &number)
        .await
        .ok();
    assert_eq!(passed_on["phone_status"], "assigned");
    assert!(listed(&admin, "conflict").await.is_empty());
    assert_eq!(texted(&second, &by, "again").await, 200);
    second.arrived(&admin, 1).await;
}

#[tokio::test]
async fn only_account_administrators_assign() {
    let server = server("verified").await;
    let (admin, user) = (server.admin().await, server.user(&["user"]).await);
    let number = number();
    let id = account(&admin, &user, "phone", &number).await;
    let refused = assign(&user, id, "phone", &number).await;
    refused.expect(403);
}

/// A foreign mail server, and a server of ours that sends through it.
pub(super) struct Verifying {
    pub server: Server,
    pub admin: Client,
    pub user: Client,
    pub mails: MailRecorder,
}

impl Verifying {
    pub async fn open() -> Self {
        let server = server("verified").await;
        let admin = server.admin().await;
        let mails = MailRecorder::start(0);
        smtp_provider(&admin, mails.port, 2).await;
        let user = server.user(&["user"]).await;
        Self {
            user,
            admin,
            mails,
            server,
        }
    }

    pub async fn ask(&self, id: i64, said: Value) -> Answer {
        self.user
            .post(&format!("/accounts/{id}/verify"), said)
            .await
    }

    /// Requests a code, and reads it from the mail.
    pub async fn code(&self, id: i64, address: &str) -> String {
        self.ask(id, json!({"field": "email"})).await.ok();
        let mail = self.mails.mail_to(address).await;
        let text = mail.text.unwrap();
        text.split_whitespace().next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_code_that_is_repeated_verifies() {
    let desk = Verifying::open().await;
    let address = mailbox();
    let id = account(&desk.admin, &desk.user, "email", &address).await;
    let code = desk.code(id, &address).await;
    assert!(
        code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()),
        "{code}"
    );
    let verified = desk
        .ask(id, json!({"field": "email", "code": code}))
        .await
        .ok();
    assert_eq!(verified["email_status"], "verified");
    let events = desk
        .admin
        .get("/events?aggregate_type=account&limit=1000")
        .await
        .ok();
    assert!(!events.to_string().contains(&code), "{events}");
    // Another address ends the verification.
    let other = json!({"email": mailbox()});
    let changed = desk.user.put(&format!("/accounts/{id}"), other).await.ok();
    assert_eq!(changed["email_status"], "unverified");
}

#[tokio::test]
async fn both_answers_of_a_verification_are_described() {
    let desk = Verifying::open().await;
    let address = mailbox();
    let id = account(&desk.admin, &desk.user, "email", &address).await;
    let document = desk.user.get("/openapi.json").await.ok();
    let verify = &document["paths"]["/accounts/{account_id}/verify"]["post"];
    let asked = verify["requestBody"]["content"]["application/json"]["example"].clone();
    assert_eq!(asked, json!({"field": "email"}));
    let mut schema = verify["responses"]["200"]["content"]["application/json"]["schema"].clone();
    schema["components"] = document["components"].clone();
    let described = jsonschema::validator_for(&schema).unwrap();

    let sent = desk.ask(id, asked).await.ok();
    assert_eq!(sent["field"], "email");
    assert!(described.is_valid(&sent), "{sent}");
    let mail = desk.mails.mail_to(&address).await.text.unwrap();
    let code = mail.split_whitespace().next().unwrap();
    let proof = json!({"field": "email", "code": code});
    let verified = desk.ask(id, proof).await.ok();
    assert_eq!(verified["email_status"], "verified");
    assert!(described.is_valid(&verified), "{verified}");
    assert!(!described.is_valid(&json!({"account_id": id})));
}

#[tokio::test]
async fn five_wrong_codes_end_a_verification() {
    let desk = Verifying::open().await;
    let address = mailbox();
    let id = account(&desk.admin, &desk.user, "email", &address).await;
    let code = desk.code(id, &address).await;
    let wrong = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    for _ in 0..5 {
        let answer = desk.ask(id, json!({"field": "email", "code": wrong})).await;
        assert_eq!(answer.fields(), ["code"]);
    }
    let late = desk.ask(id, json!({"field": "email", "code": code})).await;
    late.expect(412);
    assert!(late.text().contains("no code is valid"), "{}", late.text());
    every_event_names_its_causes(&desk.server).await;
}

#[tokio::test]
async fn three_codes_a_day_go_to_one_destination() {
    let desk = Verifying::open().await;
    let id = account(&desk.admin, &desk.user, "email", &mailbox()).await;
    for _ in 0..3 {
        desk.ask(id, json!({"field": "email"})).await.ok();
    }
    let refused = desk.ask(id, json!({"field": "email"})).await;
    refused.expect(429);
    assert!(refused.header("retry-after").is_some());
}

#[tokio::test]
async fn one_user_has_twenty_codes_sent_a_day() {
    let desk = Verifying::open().await;
    for nth in 0..21 {
        let id = account(&desk.admin, &desk.user, "email", &mailbox()).await;
        let answer = desk.ask(id, json!({"field": "email"})).await;
        answer.expect(if nth < 20 { 200 } else { 429 });
    }
}

#[tokio::test]
async fn an_opt_out_gets_no_code() {
    let desk = Verifying::open().await;
    let address = mailbox();
    let optout = json!({"address": address, "channel": "email"});
    desk.user.post("/optouts", optout).await.ok();
    let id = account(&desk.admin, &desk.user, "email", &address).await;
    desk.ask(id, json!({"field": "email"})).await.expect(423);
}

#[tokio::test]
async fn a_code_needs_a_provider_that_hides_it() {
    let server = server("verified").await;
    let admin = server.admin().await;
    crate::harness::sandbox_provider(&admin).await;
    let user = server.user(&["user"]).await;
    let id = account(&admin, &user, "email", &mailbox()).await;
    let path = format!("/accounts/{id}/verify");
    user.post(&path, json!({"field": "email"}))
        .await
        .expect(423);
}

#[tokio::test]
async fn what_one_verified_nobody_else_can_until_long_after() {
    let desk = Verifying::open().await;
    let address = mailbox();
    let id = account(&desk.admin, &desk.user, "email", &address).await;
    let code = desk.code(id, &address).await;
    desk.ask(id, json!({"field": "email", "code": code}))
        .await
        .ok();

    let other = desk.server.user(&["user"]).await;
    let theirs = account(&desk.admin, &other, "email", &address.to_uppercase()).await;
    let path = format!("/accounts/{theirs}/verify");
    other.post(&path, json!({"field": "email"})).await.ok();
    let second =
        crate::harness::eventually("a second code", crate::harness::seconds(60), async || {
            let mails = desk.mails.mails();
            let mut to_them = mails.into_iter().filter(|mail| {
                mail.recipients
                    .iter()
                    .any(|to| to.eq_ignore_ascii_case(&address))
            });
            to_them.nth(1)
        })
        .await;
    let code = second
        .text
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    let proof = json!({"field": "email", "code": code});
    let taken = other.post(&path, proof.clone()).await;
    taken.expect(412);
    assert!(
        taken.text().contains("email: is already in use"),
        "{}",
        taken.text()
    );
    // The other user cannot verify it right after it is given up; an administrator can assign it.
    let given_up = json!({"email": mailbox()});
    let path_of_first = format!("/accounts/{id}");
    desk.user.put(&path_of_first, given_up).await.ok();
    other.post(&path, proof).await.expect(412);
    let assigned = assign(&desk.admin, theirs, "email", &address).await.ok();
    assert_eq!(assigned["email_status"], "assigned");
    every_event_names_its_causes(&desk.server).await;
}

#[tokio::test]
async fn a_trusted_installation_takes_what_is_written() {
    let server = server("trusted").await;
    let admin = server.admin().await;
    let user = server.user(&["user"]).await;
    let number = number();
    let first = written(&admin, &user, &number).await;
    let by = first.kannel(&admin).await;
    assert_eq!(texted(&first, &by, "hello").await, 200);
    first.arrived(&user, 1).await;
    let other = server.user(&["user"]).await;
    let second = written(&admin, &other, &number).await;
    assert_eq!(texted(&second, &by, "hello").await, 200);
    first.arrived(&user, 2).await;
    assert!(second.rows(&other).await.is_empty());
}

#[tokio::test]
async fn accounts_of_inactive_users_receive_nothing() {
    let server = server("verified").await;
    let admin = server.admin().await;
    let user = server.user(&["user"]).await;
    let receiving = written(&admin, &user, &number()).await;
    let own = read(&admin, receiving.account_id).await["phone"].clone();
    let own = own.as_str().unwrap();
    assign(&admin, receiving.account_id, "phone", own)
        .await
        .ok();
    let by = receiving.kannel(&admin).await;
    assert_eq!(texted(&receiving, &by, "hello").await, 200);
    let user_path = format!("/users/{}", user.user_id);
    admin.put(&user_path, json!({"active": 0})).await.ok();
    assert_eq!(texted(&receiving, &by, "hello").await, 404);
}
