//! `/statistics`: counts of a user's aggregates.

use std::time::Duration;

use eventstore::clock;
use serde_json::{Value, json};

use crate::harness::{
    Client, MailRecorder, Mailing, ReadModels, Server, Setup, smtp_provider, unique_name,
};

const FIELDS: [&str; 9] = [
    "campaign_active",
    "campaign_total",
    "contact_total",
    "group_total",
    "spool_failed",
    "spool_success",
    "spool_total",
    "transmission_active",
    "transmission_total",
];

async fn numbers(client: &Client, query: &str) -> Value {
    client.get(&format!("/statistics{query}")).await.ok()
}

/// The expected statistics with one group, one campaign that does not run, and these counts.
fn expected(contacts: i64, transmissions: i64, success: i64, failed: i64) -> Value {
    json!({"campaign_total": 1, "campaign_active": 0, "group_total": 1,
        "contact_total": contacts, "transmission_total": transmissions, "transmission_active": 0,
        "spool_total": success + failed, "spool_success": success, "spool_failed": failed})
}

/// A group, a campaign, two contacts, two transmissions: one delivered, one failed.
async fn something(user: &Client) -> (Mailing, i64) {
    let mailing = Mailing::new(user).await;
    let group = json!({"name": unique_name("group")});
    let group = user.post("/groups", group).await.id("group_id");
    let campaign = json!({"program_id": mailing.program_id, "group_id": group});
    let campaign = user.post("/campaigns", campaign).await.id("campaign_id");
    for email in ["ada@example.com", "fail@example.com"] {
        let transmission = mailing.send_to(email).await;
        mailing.ended(transmission).await;
    }
    (mailing, campaign)
}

#[tokio::test]
async fn there_are_exactly_the_documented_numbers() {
    let user = Server::shared().await.user(&["user"]).await;
    let none = numbers(&user, "").await;
    let fields: Vec<_> = none.as_object().unwrap().keys().collect();
    assert_eq!(fields, FIELDS);
    assert!(
        none.as_object()
            .unwrap()
            .values()
            .all(|number| *number == 0),
        "{none}"
    );
    something(&user).await;
    assert_eq!(numbers(&user, "").await, expected(2, 2, 1, 1));
}

#[tokio::test]
async fn numbers_follow_what_is_deleted_sent_again_and_settled() {
    let server = Setup::embedded().start().await;
    let user = server.user(&["user"]).await;
    let (mailing, campaign) = something(&user).await;
    let pending = mailing.to(user.contact("pending@example.com").await).await;
    assert_eq!(numbers(&user, "").await, expected(3, 3, 1, 1));
    let admin = server.admin().await;
    let recorder = MailRecorder::start(0);
    smtp_provider(&admin, recorder.port, 1).await;
    recorder.hold_after(0);
    let slow = mailing.send_to("held@example.com").await;
    recorder.holds(1).await;
    let busy = numbers(&user, "").await;
    assert_eq!(
        (&busy["transmission_active"], &busy["spool_total"]),
        (&json!(1), &json!(3))
    );
    recorder.release();
    mailing.ended(slow).await;
    assert_eq!(numbers(&user, "").await, expected(4, 4, 2, 1));
    let unknown = mailing.send_to("lose@example.com").await;
    mailing.ended(unknown).await;
    assert_eq!(numbers(&user, "").await, expected(5, 5, 2, 2));
    let spool = mailing.attempts(unknown).await[0]["spool_id"].clone();
    let settled = json!({"status": "completed"});
    admin
        .post(&format!("/spools/{spool}/resolve"), settled)
        .await
        .ok();
    assert_eq!(numbers(&user, "").await, expected(5, 5, 3, 1));
    for transmission in [pending, slow] {
        user.delete(&format!("/transmissions/{transmission}"))
            .await
            .ok();
    }
    assert_eq!(numbers(&user, "").await, expected(5, 3, 2, 1));
    let contact = user.contact("gone@example.com").await;
    user.delete(&format!("/contacts/{contact}?erase=true"))
        .await
        .ok();
    user.delete(&format!("/campaigns/{campaign}")).await.ok();
    let mut left = expected(5, 3, 2, 1);
    left["campaign_total"] = json!(0);
    assert_eq!(numbers(&user, "").await, left);
    ReadModels::assert_whole(&server).await;
    assert_eq!(numbers(&user, "").await, left);
}

#[tokio::test]
async fn everybody_counts_their_own_and_an_admin_everybodys() {
    let server = Setup::embedded().start().await;
    let (user, mallory) = (server.user(&["user"]).await, server.user(&["user"]).await);
    something(&user).await;
    let nothing = numbers(&mallory, "").await;
    assert_eq!(nothing["contact_total"], 0);
    let theirs = format!("?user_id={}", user.user_id);
    assert_eq!(numbers(&mallory, &theirs).await, nothing);
    assert_eq!(numbers(&user, &theirs).await, expected(2, 2, 1, 1));
    let admin = server.admin().await;
    assert_eq!(numbers(&admin, "").await, expected(2, 2, 1, 1));
    assert_eq!(numbers(&admin, &theirs).await, expected(2, 2, 1, 1));
    let own = format!("?user_id={}", admin.user_id);
    for nobody in [own.as_str(), "?user_id=0", "?user_id=-1"] {
        assert_eq!(numbers(&admin, nobody).await, nothing, "{nobody}");
    }
}

#[tokio::test]
async fn numbers_are_narrowed_by_service_and_to_the_second() {
    let user = Server::shared().await.user(&["user"]).await;
    let now = || clock::now().timestamp();
    let start = now();
    something(&user).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let later = now();
    user.contact("later@example.com").await;
    for word in ["since", "from"] {
        let all = numbers(&user, &format!("?{word}={start}")).await;
        assert_eq!(all, expected(3, 2, 1, 1));
        let since = numbers(&user, &format!("?{word}={later}")).await;
        assert_eq!(
            (&since["contact_total"], &since["spool_total"]),
            (&json!(1), &json!(0))
        );
    }
    for long_ago in [0, -1, i64::MIN, start - 100 * 86_400, start - 5_000] {
        let all = numbers(&user, &format!("?since={long_ago}")).await;
        assert_eq!(all, expected(3, 2, 1, 1), "{long_ago}");
    }
    for never in [now() + 100, i64::MAX] {
        let none = numbers(&user, &format!("?since={never}")).await;
        assert_eq!(none["contact_total"], 0, "{never}");
    }
    assert_eq!(
        numbers(&user, "?service_flag=8").await,
        expected(3, 2, 1, 1)
    );
    assert_eq!(
        numbers(&user, "?service_flag=9").await,
        expected(3, 2, 1, 1)
    );
    let calls = numbers(&user, "?service_flag=1").await;
    let of_calls = [
        "transmission_total",
        "spool_total",
        "campaign_total",
        "contact_total",
    ];
    assert_eq!(
        of_calls.map(|field| calls[field].as_i64().unwrap()),
        [0, 0, 0, 3]
    );
}

#[tokio::test]
async fn an_unknown_filter_is_refused() {
    let user = Server::shared().await.user(&["user"]).await;
    for (query, field) in [
        ("?until=1", "until"),
        ("?since=yesterday", "since"),
        ("?service_flag=x", "service_flag"),
        ("?user_id=", "user_id"),
    ] {
        let answer = user.get(&format!("/statistics{query}")).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (412, vec![field.to_owned()]),
            "{query}"
        );
    }
}
