//! Roles: one process for all, or several processes with one role each.

use futures::{StreamExt as _, stream};

use crate::harness::{
    Campaigning, Database, EventLog, MailRecorder, Mailing, ReadModels, Server, Setup, seconds,
    smtp_provider,
};

fn process(database: &Database, role: &str) -> Setup {
    Setup::on(database).set("ROLE", role)
}

#[tokio::test]
async fn an_api_a_worker_and_a_projector_do_together_what_one_does_alone() {
    let database = Database::create().await;
    let mut projector = process(&database, "projector").spawn();
    let api = process(&database, "api").start().await;
    let mut worker = process(&database, "worker").spawn();
    let recorder = MailRecorder::start(0);
    let admin = api.admin().await;
    smtp_provider(&admin, recorder.port, 2).await;
    let mailing = Mailing::new(&admin).await;
    for n in 0..20 {
        let transmission = mailing.send_to(&format!("parts{n}@example.com")).await;
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }
    assert_eq!(recorder.count(), 20);
    ReadModels::assert_whole(&api).await;
    for process in [&mut worker, &mut projector] {
        assert!(process.sigterm(seconds(10)).success());
    }
}

#[tokio::test]
async fn four_workers_share_the_work_and_repeat_none_of_it() {
    let database = Database::create().await;
    let server = process(&database, "all").start().await;
    let others: Vec<Server> = (0..3)
        .map(|_| process(&database, "worker").spawn())
        .collect();
    // Answers so slow that more connections are needed than one worker has.
    let recorder = MailRecorder::start(100);
    let admin = server.admin().await;
    smtp_provider(&admin, recorder.port, 2).await;
    Campaigning::new(&admin)
        .await
        .workers(others.len() + 1)
        .await;
    let mailing = Mailing::new(&admin).await;
    let addresses = (0..150).map(|n| format!("shared{n}@example.com"));
    let sends = stream::iter(addresses).map(async |address| mailing.send_to(&address).await);
    let transmissions: Vec<i64> = sends.buffer_unordered(16).collect().await;
    for transmission in transmissions {
        assert_eq!(mailing.ended(transmission).await["outcome"], "delivered");
    }
    assert_eq!(recorder.count(), 150);
    let sql = "select count(distinct payload -> event_type ->> 'worker') from events
               where event_type = 'SpoolStarted'";
    let mut log = EventLog::open(&server).await;
    let workers: i64 = sqlx::query_scalar(sql).fetch_one(log.sql()).await.unwrap();
    assert!(workers >= 2, "{workers} of {} worked", others.len() + 1);
}
