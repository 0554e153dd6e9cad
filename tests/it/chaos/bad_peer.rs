//! A mail server that rejects, defers, hangs up and stops answering, all at once.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use sqlx::{query_as, query_scalar};

use super::{storm::Acknowledged, verdict::account_for};
use crate::harness::{
    Database, EventLog, MailRecorder, Mailing, ReadModels, Setup, eventually, seconds,
    smtp_provider_within,
};

/// The recorder's behaviour, the number of recipients that get it, and the expected outcome.
const PLAYS: [(&str, usize, &str); 7] = [
    ("fine", 80, "delivered"),
    ("grey", 30, "delivered"),
    ("slow", 4, "delivered"),
    ("refuse", 30, "rejected"),
    ("drop", 20, "unknown"),
    ("lose", 20, "unknown"),
    ("hang", 4, "unknown"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recipient_of_a_moody_server_gets_the_outcome_that_is_due() {
    let setup = Setup::on(&Database::create().await).set("RETRY_BASE_SECONDS", "1");
    let (server, recorder) = (setup.start().await, MailRecorder::start(30));
    let admin = server.admin().await;
    smtp_provider_within(30, &admin, recorder.port, 8).await;
    let mailing = Mailing::new(&admin).await;
    let recipients = (0..80).flat_map(|n| {
        let due = PLAYS.iter().filter(move |(_, count, _)| n < *count);
        due.map(move |(play, ..)| format!("{play}+{n}@example.com"))
    });
    let sends = recipients.map(|email| {
        let mailing = mailing.clone();
        async move { mailing.send_to(&email).await }
    });
    let transmissions: Vec<i64> = stream::iter(sends).buffer_unordered(6).collect().await;

    let acknowledged = Acknowledged {
        transmissions,
        ..Acknowledged::default()
    };
    account_for(&server, &acknowledged).await;

    let sql = "select split_part(c.email, '+', 1), t.outcome, count(*)
               from read.transmissions t join read.contacts c using (contact_id) group by 1, 2";
    let mut log = EventLog::open(&server).await;
    // The log has all outcomes by now; the read models follow.
    eventually("all outcomes can be read", seconds(20), async || {
        let open = "select count(*) from read.transmissions where outcome is null";
        let mut sql = server.sql().await;
        let open: i64 = query_scalar(open).fetch_one(&mut sql).await.unwrap();
        (open == 0).then_some(())
    })
    .await;
    let found: Vec<(String, String, i64)> = query_as(sql).fetch_all(log.sql()).await.unwrap();
    let found: BTreeMap<_, _> = found
        .into_iter()
        .map(|(play, outcome, count)| ((play, outcome), count as usize))
        .collect();
    let due: BTreeMap<_, _> = PLAYS
        .iter()
        .map(|(play, count, outcome)| (((*play).to_owned(), (*outcome).to_owned()), *count))
        .collect();
    assert_eq!(found, due);
    let arrived = recorder.by_recipient();
    assert!(arrived.values().all(|count| *count == 1), "{arrived:?}");
    assert_eq!(
        arrived.len(),
        80 + 30 + 4 + 20,
        "what was lost on the way back did arrive"
    );
    ReadModels::assert_whole(&server).await;
}
