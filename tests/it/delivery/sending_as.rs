//! The author of a mail: the account's address if it may send as that, else its provider's
//! default sender, else none.

use serde_json::{Value, json};

use crate::harness::{
    Answer, Campaigning, Client, Database, MailRecorder, Mailing, Server, Setup, eventually,
    free_port, sandbox_provider, seconds, unique_name,
};

/// A foreign mail server, and a user who sends through it.
struct MailSender {
    _server: Server,
    admin: Client,
    user: Client,
    account: i64,
    provider: i64,
    mails: MailRecorder,
}

impl MailSender {
    /// A desk whose provider has these settings, in addition to the necessary ones.
    async fn open(settings: Value) -> Self {
        Self::under("verified", settings).await
    }

    async fn under(policy: &str, settings: Value) -> Self {
        let mails = MailRecorder::start(0);
        Self::at(mails.port, mails, (policy, settings)).await
    }

    async fn at(port: u16, mails: MailRecorder, (policy, settings): (&str, Value)) -> Self {
        let setup = Setup::on(&Database::create().await);
        let setup = setup.set("RETRY_BASE_SECONDS", "1");
        let server = setup.set("ADDRESSES", policy).start().await;
        let admin = server.admin().await;
        let provider = admin.post("/providers", provider(port, settings)).await;
        let user = server.user(&["user"]).await;
        let accounts = user.get("/accounts").await.ok();
        Self {
            provider: provider.id("provider_id"),
            account: accounts[0]["account_id"].as_i64().unwrap(),
            _server: server,
            admin,
            user,
            mails,
        }
    }

    fn account(&self) -> String {
        format!("/accounts/{}", self.account)
    }

    /// The user writes an address into the account, which gives no right to it.
    async fn writes(&self, address: &str) {
        let email = json!({ "email": address });
        self.user.put(&self.account(), email).await.ok();
    }

    /// An administrator gives the account an address.
    async fn assigns(&self, address: &str) {
        let email = json!({ "email": address });
        self.admin.put(&self.account(), email).await.ok();
        let assign = format!("{}/assign", self.account());
        let named = json!({"field": "email", "address": address});
        self.admin.post(&assign, named).await.ok();
    }

    /// Requests a mail to a new contact; answers the recipient, the transmission and the response.
    async fn ask(&self) -> (Mailing, String, i64, Answer) {
        let mailing = Mailing::new(&self.user).await;
        let to = format!("{}@example.com", unique_name("to"));
        let transmission = mailing.to(self.user.contact(&to).await).await;
        let path = format!("/transmissions/{transmission}/send");
        let answer = self.user.post(&path, json!({})).await;
        (mailing, to, transmission, answer)
    }

    /// Sends a mail; answers its From and Reply-To.
    async fn sent(&self) -> (String, Option<String>) {
        let (_, to, _, answer) = self.ask().await;
        answer.ok();
        let mail = self.mails.mail_to(&to).await;
        let header = |name| mail.header(name).first().map(|&it| it.to_owned());
        (header("from").unwrap(), header("reply-to"))
    }

    async fn refused(&self) -> String {
        let (_, _, _, answer) = self.ask().await;
        answer.expect(423);
        answer.text()
    }
}

fn provider(port: u16, mut settings: Value) -> Value {
    settings["tls"] = json!("none");
    json!({
        "name": unique_name("mail"), "type": "smtp", "host": "127.0.0.1", "port": port,
        "settings": settings,
    })
}

#[tokio::test]
async fn a_spoofed_author_leaves_as_the_default_sender() {
    let desk = MailSender::open(json!({"default_sender": "mail@sender.example"})).await;
    desk.writes("ceo@corp.example").await;
    let (from, reply_to) = desk.sent().await;
    assert!(from.ends_with("<mail@sender.example>"), "{from}");
    assert_eq!(reply_to.as_deref(), Some("ceo@corp.example"));
    desk.assigns("ceo@corp.example").await;
    let (from, reply_to) = desk.sent().await;
    assert!(from.ends_with("<ceo@corp.example>"), "{from}");
    assert_eq!(reply_to, None);
}

#[tokio::test]
async fn without_a_default_sender_a_spoofed_author_is_423() {
    let desk = MailSender::open(json!({"from_domain": "sender.example"})).await;
    let (from, _) = desk.sent().await;
    assert!(from.ends_with("@users.example>"), "{from}");
    desk.writes("ceo@corp.example").await;
    let reason = desk.refused().await;
    assert!(reason.contains("default_sender"), "{reason}");
    let campaigns = Campaigning::new(&desk.user).await;
    let group = campaigns.group(1).await;
    let campaign = campaigns.campaign(group, json!({})).await;
    let started = campaigns.put(campaign, "start").await;
    started.expect(423);
    assert!(started.text().contains("default_sender"));
    // The sandbox reaches no one, and may carry the mail.
    sandbox_provider(&desk.admin).await;
    let before = desk.mails.count();
    let (mailing, _, transmission, answer) = desk.ask().await;
    answer.ok();
    assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    assert_eq!(desk.mails.count(), before);
}

#[tokio::test]
async fn an_account_without_an_address_sends_as_its_provider() {
    let desk = MailSender::open(json!({"from_domain": "sender.example"})).await;
    let none = json!({"email": null});
    desk.user.put(&desk.account(), none).await.ok();
    let (from, reply_to) = desk.sent().await;
    assert!(from.ends_with("<noreply@sender.example>"), "{from}");
    assert_eq!(reply_to, None);
    let path = format!("/providers/{}", desk.provider);
    let settings = json!({"settings": {"tls": "none", "default_sender": "mail@sender.example"}});
    desk.admin.put(&path, settings).await.ok();
    let from = eventually("the worker has the setting", seconds(60), async || {
        let (from, _) = desk.sent().await;
        (!from.contains("noreply")).then_some(from)
    })
    .await;
    assert!(from.ends_with("<mail@sender.example>"), "{from}");
}

#[tokio::test]
async fn a_waiting_job_fails_once_no_provider_is_left() {
    let settings = json!({"default_sender": "mail@sender.example"});
    let out_of_reach = MailSender::at(free_port(), MailRecorder::start(0), ("verified", settings));
    let desk = out_of_reach.await;
    let path = format!("/providers/{}", desk.provider);
    desk.writes("ceo@corp.example").await;
    let (mailing, _, transmission, answer) = desk.ask().await;
    answer.ok();
    eventually("the first attempt ends", seconds(60), async || {
        let attempts = mailing.attempts(transmission).await;
        (attempts.len() > 1).then_some(())
    })
    .await;
    let settings = json!({"settings": {"tls": "none"}});
    desk.admin.put(&path, settings).await.ok();
    let ended = mailing.ended(transmission).await;
    assert_eq!(ended["outcome"], "rejected", "{ended}");
    let response = ended["response"].as_str().unwrap();
    assert!(response.contains("default_sender"), "{ended}");
}

#[tokio::test]
async fn a_default_sender_lies_within_the_signed_domains() {
    let admin = Server::shared().await.admin().await;
    for settings in [
        json!({"default_sender": "mail@elsewhere.example", "dkim_domain": "sender.example"}),
        json!({"default_sender": "sender.example"}),
    ] {
        let refused = admin.post("/providers", provider(9, settings)).await;
        refused.expect(412);
        assert_eq!(refused.fields(), ["settings.default_sender"]);
    }
    let below = json!({
        "default_sender": "mail@eu.sender.example", "dkim_domain": "sender.example",
    });
    let mut below = provider(9, below);
    below["active"] = json!(0);
    let id = admin.post("/providers", below).await.id("provider_id");
    let path = format!("/providers/{id}");
    let moved = json!({"settings": {
        "default_sender": "mail@eu.sender.example", "dkim_domain": "other.example",
    }});
    admin.put(&path, moved).await.expect(412);
}

#[tokio::test]
async fn a_trusted_installation_sends_as_it_is_written() {
    let desk = MailSender::under("trusted", json!({"from_domain": "sender.example"})).await;
    desk.writes("ceo@corp.example").await;
    let (from, reply_to) = desk.sent().await;
    assert!(from.ends_with("<ceo@corp.example>"), "{from}");
    assert_eq!(reply_to, None);
}
