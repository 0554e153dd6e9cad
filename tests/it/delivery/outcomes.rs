//! The outcomes of an attempt, simulated by the sandbox, and their consequences.

use serde_json::{Value, json};

use crate::harness::{Calling, EventLog, Mailing, Server, Setup};

async fn sent_to(email: &str) -> (Mailing, i64, Value) {
    let user = Server::shared().await.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let transmission = mailing.send_to(email).await;
    let ended = mailing.ended(transmission).await;
    (mailing, transmission, ended)
}

#[tokio::test]
async fn every_magic_destination_plays_its_outcome() {
    for (local, status, outcome) in [
        ("anything", "completed", "delivered"),
        ("fail", "failed", "rejected"),
        ("busy", "failed", "unanswered"),
        ("noanswer", "failed", "unanswered"),
        ("unknown", "failed", "unknown"),
        ("slow", "completed", "delivered"),
    ] {
        let (_, _, ended) = sent_to(&format!("{local}@example.com")).await;
        let read = (
            ended["status"].as_str().unwrap(),
            ended["outcome"].as_str().unwrap(),
        );
        assert_eq!(read, (status, outcome), "{local}: {ended}");
        assert!(
            !ended["response"].as_str().unwrap().is_empty(),
            "{local}: {ended}"
        );
    }
}

#[tokio::test]
async fn an_unknown_outcome_says_so_and_is_left_alone() {
    let (mailing, transmission, ended) = sent_to("unknown@example.com").await;
    assert!(
        ended["response"]
            .as_str()
            .unwrap()
            .starts_with("OUTCOME_UNKNOWN"),
        "{ended}"
    );
    let attempts = mailing.attempts(transmission).await;
    assert_eq!(
        (attempts.len(), &attempts[0]["status"]),
        (1, &json!("failed"))
    );
    let path = format!("/spools/{}/result", attempts[0]["spool_id"]);
    let results = mailing.client.get(&path).await.ok();
    let row = results
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == "outcome");
    assert_eq!(
        (&row.unwrap()["type"], &row.unwrap()["data"]),
        (&json!("error"), &json!("unknown"))
    );
    for word in ["send", "retry"] {
        let path = format!("/transmissions/{transmission}/{word}");
        mailing.client.post(&path, json!({})).await.expect(423);
    }
    assert_eq!(mailing.attempts(transmission).await.len(), 1);
}

#[tokio::test]
async fn an_unknown_outcome_is_sent_again_by_force_only() {
    let (mailing, transmission, _) = sent_to("unknown@example.com").await;
    let path = format!("/transmissions/{transmission}/send");
    mailing
        .client
        .post(&path, json!({"force": true}))
        .await
        .id("spool_id");
    mailing.ended(transmission).await;
    assert_eq!(mailing.attempts(transmission).await.len(), 2);
}

#[tokio::test]
async fn a_person_settles_an_unknown_outcome() {
    for (word, status, outcome) in [
        ("completed", "completed", "delivered"),
        ("failed", "failed", "rejected"),
    ] {
        let server = Server::shared().await;
        let (mailing, transmission, _) = sent_to("unknown@example.com").await;
        let spool = mailing.attempts(transmission).await[0]["spool_id"].clone();
        let path = format!("/spools/{spool}/resolve");
        assert_eq!(
            mailing
                .client
                .post(&path, json!({"status": word}))
                .await
                .status,
            403
        );
        server
            .admin()
            .await
            .post(&path, json!({"status": word}))
            .await
            .ok();
        let read = mailing
            .client
            .get(&format!("/transmissions/{transmission}"))
            .await
            .ok();
        assert_eq!(
            (&read["status"], &read["outcome"]),
            (&json!(status), &json!(outcome))
        );
        let filter = format!("/events?aggregate_type=transmission&aggregate_id={transmission}");
        let events = server.admin().await.get(&filter).await.text();
        assert!(events.contains("SpoolResolved"), "{events}");
        server
            .admin()
            .await
            .post(&path, json!({"status": word}))
            .await
            .expect(423);
    }
}

#[tokio::test]
async fn busy_is_tried_as_often_as_allowed_and_no_oftener() {
    let server = Setup::embedded()
        .set("RETRY_BASE_SECONDS", "1")
        .start()
        .await;
    let admin = server.admin().await;
    let mailing = Mailing::new(&admin).await;
    let contact = admin.contact("busy@example.com").await;
    let transmission = mailing
        .with(json!({"contact_id": contact, "try_allowed": 3}))
        .await;
    mailing.send(transmission).await;
    let ended = mailing.ended(transmission).await;
    assert_eq!(
        (&ended["try_done"], &ended["outcome"]),
        (&json!(3), &json!("unanswered"))
    );
    assert_eq!(mailing.attempts(transmission).await.len(), 3);
}

#[tokio::test]
async fn unanswered_calls_are_tried_as_often_as_allowed_past_the_deadline() {
    // The first pause is as long as the deadline at least, and the second twice as long.
    let server = Setup::embedded()
        .set("RETRY_BASE_SECONDS", "10")
        .set("TRY_VOICE_DEADLINE_SECONDS", "5")
        .start()
        .await;
    let calling = Calling::new(&server.admin().await).await;
    let call = calling.call("9990002").await;
    let ended = calling.ended(call).await;
    assert_eq!(
        (&ended["try_done"], &ended["outcome"]),
        (&json!(3), &json!("unanswered")),
        "{ended}"
    );
    assert_eq!(calling.attempts(call).await.len(), 3);
}

#[tokio::test]
async fn unreachable_is_tried_until_the_deadline() {
    let server = Setup::embedded()
        .set("RETRY_BASE_SECONDS", "1")
        .set("TRY_EMAIL_DEADLINE_SECONDS", "20")
        .start()
        .await;
    let admin = server.admin().await;
    let mailing = Mailing::new(&admin).await;
    let transmission = mailing.send_to("unavailable@example.com").await;
    let ended = mailing.ended(transmission).await;
    assert_eq!(ended["outcome"], "unavailable", "{ended}");
    let attempts = mailing.attempts(transmission).await.len();
    assert!(
        (2..=8).contains(&attempts),
        "{attempts} attempts in twenty seconds, ever farther apart"
    );
}

#[tokio::test]
async fn the_whole_life_is_on_record() {
    let server = Server::shared().await;
    let (_, transmission, _) = sent_to("life@example.com").await;
    let mut log = EventLog::open(server).await;
    let sql = "select event_type from events where aggregate_type = 'transmission'
               and aggregate_id = $1 order by sequence";
    let id = transmission.to_string();
    let events: Vec<String> = sqlx::query_scalar(sql)
        .bind(id)
        .fetch_all(log.sql())
        .await
        .unwrap();
    assert_eq!(
        events[..3],
        ["TransmissionCreated", "SpoolQueued", "SpoolStarted"]
    );
    assert!(events.contains(&"ResultRecorded".to_owned()), "{events:?}");
    assert!(events.contains(&"SpoolCompleted".to_owned()), "{events:?}");
    assert_eq!(events.last().unwrap(), "TransmissionCompleted");
}
