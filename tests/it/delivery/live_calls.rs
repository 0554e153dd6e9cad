//! Calls that last: what they show meanwhile, and how they are hung up.

use serde_json::{Value, json};

use crate::harness::{
    Calling, Database, EventLog, HANGS_UP, LISTENS, Mailing, STAYS, Server, Setup,
    every_event_names_its_causes, sandbox_provider, seconds,
};

async fn calling() -> Calling {
    Calling::new(&Server::shared().await.user(&["user"]).await).await
}

fn end(attempt: &Value) -> [&str; 3] {
    ["status", "outcome", "response"].map(|field| attempt[field].as_str().unwrap())
}

fn amount(attempt: &Value) -> i64 {
    attempt["amount"].as_i64().unwrap()
}

/// The seconds between two times of an attempt.
fn between(attempt: &Value, from: &str, to: &str) -> i64 {
    attempt[to].as_i64().unwrap() - attempt[from].as_i64().unwrap()
}

#[tokio::test]
async fn a_call_shows_its_connection_and_results_while_it_lasts() {
    let calling = calling().await;
    let call = calling.call(STAYS).await;
    let attempt = calling.answered(call).await;
    assert_eq!(attempt["status"], "initiated");
    assert_eq!(attempt["time_end"], json!(null));
    assert_eq!(attempt["outcome"], json!(null));
    assert!(between(&attempt, "time_start", "time_connect") >= 4);
    assert_eq!(calling.results(call.spool).await, ["originate success"]);

    calling.hang_up(call.spool).await;
    let attempt = calling.once(call.spool, "time_end").await;
    let lasted = between(&attempt, "time_connect", "time_end");
    assert!(
        (lasted..=lasted + 1).contains(&amount(&attempt)),
        "{attempt}"
    );
    assert!(amount(&attempt) >= 1, "{attempt}");
}

#[tokio::test]
async fn a_call_is_as_long_as_its_steps() {
    let calling = calling().await;
    let call = calling.call(LISTENS).await;
    assert_eq!(calling.ended(call).await["response"], "NORMAL_CLEARING");
    let attempt = calling.attempt(call.spool).await;
    assert_eq!(end(&attempt), ["completed", "delivered", "NORMAL_CLEARING"]);
    // A second for each text, and one in between.
    assert!(
        between(&attempt, "time_connect", "time_end") >= 2,
        "{attempt}"
    );
    assert!(amount(&attempt) >= 3, "{attempt}");
    let rows = calling.results(call.spool).await;
    let expected = ["originate", "tts", "wait", "tts", "disconnect"];
    assert_eq!(rows, expected.map(|step| format!("{step} success")));
}

#[tokio::test]
async fn a_callee_who_hangs_up_ends_the_call() {
    let calling = calling().await;
    let call = calling.call(HANGS_UP).await;
    calling.ended(call).await;
    let attempt = calling.attempt(call.spool).await;
    assert_eq!(end(&attempt), ["completed", "delivered", "NORMAL_CLEARING"]);
    let rows = calling.results(call.spool).await;
    assert_eq!(rows.last().unwrap(), "hangup remote", "{rows:?}");
    assert_eq!(calling.attempts(call).await.len(), 1);
}

#[tokio::test]
async fn its_owner_hangs_up_and_nobody_else() {
    let calling = calling().await;
    let call = calling.call(STAYS).await;
    calling.answered(call).await;
    let path = format!("/spools/{}/hangup", call.spool);
    let server = Server::shared().await;
    let other = server.user(&["user"]).await;
    other.post(&path, json!({})).await.expect(404);
    let nobody = server.user(&[]).await;
    nobody.post(&path, json!({})).await.expect(403);

    for _ in 0..2 {
        assert_eq!(calling.hang_up(call.spool).await["spool_id"], call.spool);
    }
    let ended = calling.ended(call).await;
    assert_eq!(
        end(&ended),
        ["failed", "rejected", "CANCELLED it was hung up on request"]
    );
    assert_eq!(
        calling.results(call.spool).await,
        ["originate success", "tts cancelled", "outcome cancelled"]
    );
    assert_eq!(calling.attempts(call).await.len(), 1);
    let attempt = calling.attempt(call.spool).await;
    assert_eq!(calling.hang_up(call.spool).await, attempt);
    let sql = "select count(*) from events where aggregate_type = 'transmission' \
               and aggregate_id = $1 and event_type = 'SpoolHangupRequested'";
    let mut log = EventLog::open(server).await;
    let requests: i64 = sqlx::query_scalar(sql)
        .bind(call.transmission.to_string())
        .fetch_one(log.sql())
        .await
        .unwrap();
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn a_call_that_rings_is_hung_up_and_never_answered() {
    let calling = calling().await;
    let call = calling.call(STAYS).await;
    calling.once(call.spool, "time_start").await;
    calling.hang_up(call.spool).await;
    let ended = calling.ended(call).await;
    assert!(
        ended["response"]
            .as_str()
            .unwrap()
            .starts_with("CANCELLED "),
        "{ended}"
    );
    let attempt = calling.attempt(call.spool).await;
    assert_eq!(attempt["time_connect"], json!(null));
    assert_eq!(amount(&attempt), 0);
    assert_eq!(calling.arrivals(call.spool).await, 0);
}

#[tokio::test]
async fn a_retry_that_waits_is_cancelled_before_it_starts() {
    let calling = calling().await;
    let call = calling.call("9990001").await;
    calling.once(call.spool, "time_end").await;
    let attempts = calling.attempts(call).await;
    assert_eq!(attempts.len(), 2, "the first was not answered");
    let waiting = attempts[1]["spool_id"].as_i64().unwrap();
    let answer = calling.hang_up(waiting).await;
    assert_eq!(
        end(&answer),
        ["failed", "rejected", "CANCELLED before it started"]
    );
    assert_eq!(calling.ended(call).await["outcome"], "rejected");
    assert_eq!(calling.hang_up(waiting).await, answer);
    assert_eq!(calling.results(waiting).await, ["outcome cancelled"]);
}

#[tokio::test]
async fn a_mail_that_was_delivered_stays_so() {
    let client = Server::shared().await.user(&["user"]).await;
    let (calling, mailing) = (Calling::new(&client).await, Mailing::new(&client).await);
    let transmission = mailing.send_to("hangup@example.com").await;
    mailing.ended(transmission).await;
    let attempt = mailing.attempts(transmission).await[0].clone();
    let answer = calling.hang_up(attempt["spool_id"].as_i64().unwrap()).await;
    assert_eq!(answer, attempt);
    assert_eq!(answer["outcome"], "delivered");
}

#[tokio::test]
async fn the_parts_of_a_short_message_are_its_amount() {
    let client = Server::shared().await.user(&["user"]).await;
    let texting = Mailing::texting(&client, json!({"data": "x".repeat(161)})).await;
    let calling = Calling::new(&client).await;
    let contact = calling.contact("15550177").await;
    let transmission = texting.to(contact).await;
    let spool = texting.send(transmission).await;
    texting.ended(transmission).await;
    assert_eq!(amount(&calling.attempt(spool).await), 2);
}

#[tokio::test]
async fn a_hang_up_reaches_the_process_that_has_the_call() {
    let database = Database::create().await;
    let role = |role: &str| Setup::on(&database).set("ROLE", role);
    let mut projector = role("projector").spawn();
    let api = role("api").start().await;
    let mut worker = role("worker").spawn();
    let admin = api.admin().await;
    sandbox_provider(&admin).await;
    let calling = Calling::new(&admin).await;
    let call = calling.call(STAYS).await;
    calling.answered(call).await;
    calling.hang_up(call.spool).await;
    assert_eq!(calling.ended(call).await["outcome"], "rejected");
    let seen = every_event_names_its_causes(&api).await;
    for event in ["SpoolConnected", "SpoolHangupRequested", "SpoolFailed"] {
        assert!(seen.contains(event), "{event}: {seen:?}");
    }
    for process in [&mut worker, &mut projector] {
        assert!(process.sigterm(seconds(10)).success());
    }
}
