//! `GET /events`: the feed of events.

use serde_json::{Value, json};

use crate::harness::{Client, EventLog, Mailing, Server};

async fn events(admin: &Client, query: &str) -> Vec<Value> {
    let answer = admin.get(&format!("/events?{query}")).await.ok();
    answer.as_array().unwrap().clone()
}

#[tokio::test]
async fn every_write_of_a_request_names_its_user_and_its_request() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let request = user
        .request("POST", "/contacts")
        .header("x-request-id", "audit-42");
    let body = json!({"first_name": "Audited", "phone": "1", "email": "audit@example.com"});
    let answer = user.send(request.json(&body)).await;
    assert_eq!(answer.header("x-request-id"), Some("audit-42"));
    let transmission = mailing.to(answer.id("contact_id")).await;
    mailing.send(transmission).await;
    mailing.ended(transmission).await;

    let admin = server.admin().await;
    let made = events(&admin, &format!("user_id={}", user.user_id)).await;
    let kinds: Vec<&str> = made
        .iter()
        .filter_map(|event| event["event_type"].as_str())
        .collect();
    for kind in [
        "TemplateCreated",
        "ProgramCreated",
        "ContactCreated",
        "TransmissionCreated",
        "SpoolQueued",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    for event in &made {
        let metadata = &event["metadata"];
        assert_eq!(metadata["user_id"], user.user_id, "{event}");
        assert!(metadata["request_id"].is_string(), "{event}");
    }
    let contact = made
        .iter()
        .find(|event| event["event_type"] == "ContactCreated")
        .unwrap();
    assert_eq!(contact["metadata"]["request_id"], "audit-42");
}

#[tokio::test]
async fn what_a_worker_does_belongs_to_the_request_that_asked() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let mailing = Mailing::new(&user).await;
    let transmission = mailing.to(user.contact("trace@example.com").await).await;
    let path = format!("/transmissions/{transmission}/send");
    user.send(
        user.request("POST", &path)
            .header("x-request-id", "trace-7"),
    )
    .await
    .ok();
    mailing.ended(transmission).await;
    let admin = server.admin().await;
    let query = format!(
        "aggregate_type=transmission&aggregate_id={transmission}&event_type=SpoolCompleted"
    );
    let completed = &events(&admin, &query).await[0];
    assert_eq!(
        completed["metadata"]["correlation_id"], "trace-7",
        "{completed}"
    );
}

#[tokio::test]
async fn no_event_of_the_log_is_without_a_cause_on_record() {
    let server = Server::alone().await;
    let admin = server.admin().await;
    server.user(&["user"]).await;
    admin.contact("cause@example.com").await;
    let mut log = EventLog::open(&server).await;
    // Events of the first start come from no request.
    let sql = "select count(*) from events where metadata ->> 'request_id' is null
               and position > (select max(position) from events where metadata ->> 'user_id' is null)";
    let nameless: i64 = sqlx::query_scalar(sql).fetch_one(log.sql()).await.unwrap();
    assert_eq!(nameless, 0);
}

#[tokio::test]
async fn the_feed_is_filtered_by_everything_a_row_says() {
    let server = Server::shared().await;
    let user = server.user(&["user"]).await;
    let id = user.contact("filter@example.com").await;
    user.put(&format!("/contacts/{id}"), json!({"last_name": "F"}))
        .await
        .ok();
    let admin = server.admin().await;
    let both = events(&admin, &format!("aggregate_type=contact&aggregate_id={id}")).await;
    assert_eq!(both.len(), 2);
    let (first, second) = (&both[0], &both[1]);
    assert_eq!(
        (&first["sequence"], &second["sequence"]),
        (&json!(1), &json!(2))
    );
    for (query, expected) in [
        (
            format!("aggregate_type=contact&aggregate_id={id}&event_type=ContactUpdated"),
            1,
        ),
        (
            format!(
                "aggregate_type=contact&aggregate_id={id}&after_position={}",
                first["position"]
            ),
            1,
        ),
        (
            format!(
                "aggregate_type=contact&aggregate_id={id}&user_id={}",
                user.user_id
            ),
            2,
        ),
        (
            format!("aggregate_type=contact&aggregate_id={id}&user_id=999999999"),
            0,
        ),
        (
            format!("aggregate_type=contact&aggregate_id={id}&limit=1"),
            1,
        ),
        (
            format!("aggregate_type=contact&aggregate_id={id}&after=1"),
            2,
        ),
        (
            format!("aggregate_type=contact&aggregate_id={id}&before=1"),
            0,
        ),
        (
            format!(
                "aggregate_type=program&aggregate_id={id}&user_id={}",
                user.user_id
            ),
            0,
        ),
    ] {
        assert_eq!(events(&admin, &query).await.len(), expected, "{query}");
    }
    assert_eq!(admin.get("/events?nonsense=1").await.status, 412);
}

#[tokio::test]
async fn an_auditor_reads_what_happened_in_words() {
    let server = Server::shared().await;
    let admin = server.admin().await;
    let id = admin.contact("readable@example.com").await;
    let event = &events(&admin, &format!("aggregate_type=contact&aggregate_id={id}")).await[0];
    assert!(
        event["payload"]
            .to_string()
            .contains("readable@example.com"),
        "{event}"
    );
}

#[tokio::test]
async fn the_log_can_neither_be_changed_nor_shortened() {
    let server = Server::shared().await;
    let mut log = EventLog::open(server).await;
    for statement in [
        "update events set occurred_at = now()",
        "delete from events",
        "truncate events",
    ] {
        let refused = sqlx::query(statement)
            .execute(log.sql())
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains("never"), "{statement}: {refused}");
    }
}
