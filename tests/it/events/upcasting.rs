//! Upcasting of events of earlier versions.

use sqlx::{query_as, raw_sql};

use crate::harness::{
    Database, EventLog, MailRecorder, Mailing, ReadModels, Server, Setup, eventually, seconds,
    smtp_provider,
};

/// Writes the last queueing of this transmission as version 1.0.0 wrote it: without `avoid`.
async fn age(server: &Server, transmission: i64) {
    let sql = format!(
        "alter table events disable trigger events_are_final;
         update events set event_version = '1.0.0',
             payload = (payload::jsonb #- '{{SpoolQueued,avoid}}')::json
         where event_type = 'SpoolQueued' and aggregate_type = 'transmission'
           and aggregate_id = '{transmission}' and event_version = '1.1.0'
           and payload #> '{{SpoolQueued,avoid}}' is not null;
         alter table events enable trigger events_are_final;"
    );
    raw_sql(&sql)
        .execute(&mut server.sql().await)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_attempt_queued_in_the_old_form_is_read_and_made() {
    let setup = Setup::on(&Database::create().await).set("RETRY_BASE_SECONDS", "20");
    let (mut server, recorder) = (setup.start().await, MailRecorder::start(0));
    let admin = server.admin().await;
    smtp_provider(&admin, recorder.port, 1).await;
    let mailing = Mailing::new(&admin).await;
    // The mail server defers it, so that its second attempt is queued and waits.
    let transmission = mailing.send_to("grey@example.com").await;
    let mut log = EventLog::open(&server).await;
    eventually("a second attempt is queued", seconds(20), async || {
        (log.count("SpoolQueued").await == 2).then_some(())
    })
    .await;
    server.kill9();

    age(&server, transmission).await;
    server.start().await;

    let ended = mailing.ended(transmission).await;
    assert_eq!(ended["outcome"], "delivered", "{ended}");
    let sql = "select event_version, payload::text like '%avoid%' from events
               where event_type = 'SpoolQueued' order by position";
    let stored: Vec<(String, bool)> = query_as(sql).fetch_all(log.sql()).await.unwrap();
    assert_eq!(
        stored,
        vec![("1.0.0".to_owned(), false); 2],
        "what is stored is not rewritten"
    );
    let query = format!(
        "/events?event_type=SpoolQueued&aggregate_type=transmission&aggregate_id={transmission}"
    );
    let shown = admin.get(&query).await.ok();
    assert!(
        shown[0]["payload"]["avoid"].is_array()
            || shown[0]["payload"]["SpoolQueued"]["avoid"].is_array(),
        "{shown}"
    );
    ReadModels::assert_whole(&server).await;
}
