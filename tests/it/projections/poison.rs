//! Poison events, which a subscriber cannot apply.

use serde_json::{Value, json};
use sqlx::query;

use crate::harness::{Database, EventLog, Server, Setup, eventually, sandbox_provider, seconds};

/// Appends an event that cannot be decoded; answers its position.
async fn poison(server: &Server, contact: i64) -> i64 {
    let mut log = EventLog::open(server).await;
    let sql = "insert into events (aggregate_type, aggregate_id, sequence, event_type,
               event_version, payload, metadata, occurred_at, commit_id)
               values ('contact', $1, 2, 'ContactUpdated', '1.0.0', '{\"ContactUpdated\": 7}',
                       '{}', now(), gen_random_uuid())";
    query(sql)
        .bind(contact.to_string())
        .execute(log.sql())
        .await
        .unwrap();
    log.head().await
}

#[tokio::test]
async fn a_projector_stops_at_it_and_says_so_and_writers_go_on() {
    // The fewest connections, with which one writes all read models.
    let setup = Setup::on(&Database::create().await).set("POSTGRES_CONNECTIONS", "8");
    let server = setup.start().await;
    let admin = server.admin().await;
    let contact = admin.contact("poisoned@example.com").await;

    let position = poison(&server, contact).await;

    let has_stopped = |row: &Value| row["name"] == "contacts" && row["stopped_at"] == position;
    eventually("/readyz is 503 and says why", seconds(10), async || {
        let ready = server.stranger().get("/readyz").await;
        let projections = ready.json()["projections"].clone();
        let says = projections.as_array()?.iter().any(has_stopped);
        (ready.status == 503 && says).then_some(())
    })
    .await;
    assert!(
        server.log().contains(&position.to_string()),
        "it is in the log"
    );
    assert!(
        server
            .stranger()
            .get("/metrics")
            .await
            .text()
            .contains("stopped"),
        "and in the metrics"
    );
    assert_eq!(server.stranger().get("/healthz").await.status, 200);

    // A request that waits for the stopped read model waits in vain; its response has the position.
    let body = json!({"first_name": "Late", "phone": "1"});
    let mut in_vain = 0;
    for _ in 0..10 {
        let answer = admin.post("/contacts", body.clone()).await;
        answer.id("contact_id");
        in_vain += usize::from(answer.header("x-ledgerline-position").is_some());
    }
    assert!(in_vain < 10, "all of them waited for what has stopped");
    let id = sandbox_provider(&admin).await;
    admin.get(&format!("/providers/{id}")).await.ok();
    let mut log = EventLog::open(&server).await;
    let sql = "select position from read.checkpoints where name = 'contacts'";
    let reached: i64 = sqlx::query_scalar(sql).fetch_one(log.sql()).await.unwrap();
    assert!(reached < position, "it neither skips nor passes");
}
