//! A provider that has stopped answering: what waits for it holds up nothing that another
//! provider can send.

use serde_json::{Value, json};

use crate::harness::{
    Client, Company, Database, MailRecorder, Mailing, Server, Setup, eventually, seconds,
    unique_name,
};

/// The mails for a provider that stalls, several times what a worker holds for it.
const MAILS: usize = 60;
/// The attempts that a worker holds for a provider with a limit of one.
const HELD: i64 = 16;

/// A server, one mail server that answers nothing, and one that works.
struct Post {
    server: Server,
    admin: Client,
    stalls: MailRecorder,
    works: MailRecorder,
}

impl Post {
    async fn open() -> Self {
        let setup = Setup::on(&Database::create().await);
        let server = setup.set("PROVIDER_NETWORKS", "127.0.0.0/8").start().await;
        let (stalls, works) = (MailRecorder::start(0), MailRecorder::start(0));
        stalls.hold_after(0);
        Self {
            admin: server.admin().await,
            server,
            stalls,
            works,
        }
    }

    /// Creates a provider that stalls, with a limit of one, which sends for every account.
    async fn that_stalls(&self, owner: &Client) -> i64 {
        let settings = json!({"default_sender": "desk@sender.example"});
        provider(owner, self.stalls.port, json!(1), settings).await
    }

    /// The attempts that are claimed now.
    async fn claimed(&self) -> i64 {
        let sql = "select count(*) from dispatch.queue where lease_until is not null";
        let mut database = self.server.sql().await;
        sqlx::query_scalar(sql)
            .fetch_one(&mut database)
            .await
            .unwrap()
    }

    /// Waits until as many attempts are held for the provider as may be, and no others.
    async fn is_stalled(&self) {
        self.stalls.holds(1).await;
        eventually("the others are given back", seconds(60), async || {
            (self.claimed().await == HELD).then_some(())
        })
        .await;
    }
}

async fn provider(owner: &Client, port: u16, limit: Value, mut settings: Value) -> i64 {
    settings["tls"] = json!("none");
    settings["from_domain"] = json!("sender.example");
    settings["timeout_seconds"] = json!(300);
    let provider = json!({
        "name": unique_name("mail"), "type": "smtp", "host": "127.0.0.1", "port": port,
        "active": 1, "channel_limit": limit, "settings": settings,
    });
    owner.post("/providers", provider).await.id("provider_id")
}

/// Sends so many mails to one contact; answers the transmissions.
async fn sent(mailing: &Mailing, count: usize) -> Vec<i64> {
    let contact = mailing.client.contact("ada@example.com").await;
    let mut transmissions = Vec::new();
    for _ in 0..count {
        let transmission = mailing.to(contact).await;
        mailing.send(transmission).await;
        transmissions.push(transmission);
    }
    transmissions
}

async fn are_delivered(mailing: &Mailing, transmissions: &[i64]) {
    for transmission in transmissions {
        let ended = mailing.ended(*transmission).await;
        assert_eq!(ended["outcome"], "delivered", "{ended}");
    }
}

#[tokio::test]
async fn a_tenants_stalled_provider_holds_up_nobody() {
    let post = Post::open().await;
    let settings = json!({"default_sender": "desk@corp.example"});
    provider(&post.admin, post.works.port, Value::Null, settings).await;
    let (one, other) = (
        Company::on(&post.server).await,
        Company::on(&post.server).await,
    );
    post.that_stalls(&one.admin).await;
    let theirs = Mailing::new(&one.user(&post.server).await).await;
    let queued = sent(&theirs, MAILS).await;
    let rest = MAILS - HELD as usize;
    eventually(
        "what it cannot take goes elsewhere",
        seconds(60),
        async || (post.works.count() >= rest).then_some(()),
    )
    .await;
    post.is_stalled().await;

    let users = [other.user(&post.server).await, post.admin.clone()];
    for user in users.into_iter().chain([one.user(&post.server).await]) {
        let mailing = Mailing::new(&user).await;
        are_delivered(&mailing, &sent(&mailing, 3).await).await;
    }
    assert_eq!((post.stalls.held(), post.claimed().await), (1, HELD));

    post.stalls.release();
    are_delivered(&theirs, &queued).await;
}

#[tokio::test]
async fn jobs_of_a_stalled_provider_wait_in_the_queue() {
    let post = Post::open().await;
    post.that_stalls(&post.admin).await;
    // It sends for no account with an address that is not its own.
    provider(&post.admin, post.works.port, Value::Null, json!({})).await;
    let user = post.server.user(&["user"]).await;
    let accounts = user.get("/accounts").await.ok();
    let account = format!("/accounts/{}", accounts[0]["account_id"]);
    let foreign = json!({"email": "ceo@corp.example"});
    user.put(&account, foreign).await.ok();
    let theirs = Mailing::new(&user).await;
    let queued = sent(&theirs, MAILS).await;
    post.is_stalled().await;
    assert_eq!(post.works.count(), 0);

    let mailing = Mailing::new(&post.admin).await;
    are_delivered(&mailing, &sent(&mailing, 5).await).await;
    assert_eq!((post.stalls.held(), post.works.count()), (1, 5));

    post.stalls.release();
    are_delivered(&theirs, &queued).await;
    for transmission in queued {
        let attempts = theirs.attempts(transmission).await;
        assert_eq!(attempts.len(), 1, "none used up: {attempts:?}");
    }
    assert_eq!(post.works.count(), 5);
}
