//! A worker is stopped past its lease, and goes on.

use std::time::Duration;

use nix::sys::signal::Signal;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{storm::Storm, verdict::verdict};
use crate::harness::{
    Database, EventLog, MailRecorder, Mailing, Server, Setup, eventually, seconds, smtp_provider,
};

const FREEZES: usize = 5;
const CONNECTIONS: u32 = 4;

async fn server(database: &Database) -> Server {
    let setup = Setup::on(database)
        .set("LEASE_SECONDS", "2")
        .set("RETRY_BASE_SECONDS", "1");
    setup.start().await
}

/// How many attempts each worker has started.
async fn workers(server: &Server) -> Vec<(String, i64)> {
    let sql = "select payload -> event_type ->> 'worker', count(*) from events
               where event_type = 'SpoolStarted' group by 1 order by 1";
    sqlx::query_as(sql)
        .fetch_all(EventLog::of(server).await.sql())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_frozen_past_its_lease_sends_nothing_that_another_took_over() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let database = Database::create().await;
    // The first one leads the projections, so the second can be frozen without holding them up.
    let (steady, frozen) = (server(&database).await, server(&database).await);
    let recorder = MailRecorder::start(100);
    let admin = steady.admin().await;
    smtp_provider(&admin, recorder.port, CONNECTIONS).await;
    let mailing = Mailing::of(&admin).await;
    let storm = Storm::over(&mailing);
    let mut on_the_wire = Vec::new();

    for _ in 0..FREEZES {
        let before = storm.watch(&recorder);
        eventually("mails leave", seconds(30), async || {
            (storm.watch(&recorder) > before + 20).then_some(())
        })
        .await;
        storm
            .rage(
                &recorder,
                Duration::from_millis(random.random_range(0..500)),
            )
            .await;
        frozen.signal(Signal::SIGSTOP);
        let mut log = EventLog::of(&steady).await;
        on_the_wire.push(
            log.on_the_wire_of(&format!("-{}", frozen.pid()), 0)
                .await
                .len(),
        );
        // Past the lease, with time for the other one to notice.
        storm.rage(&recorder, Duration::from_millis(3_500)).await;
        frozen.signal(Signal::SIGCONT);
        storm.rage(&recorder, Duration::from_millis(1_000)).await;
    }
    let acknowledged = storm.calm().await;

    let most = FREEZES * CONNECTIONS as usize;
    let verdict = verdict(&steady, &recorder, &acknowledged, most).await;
    let workers = workers(&steady).await;
    println!(
        "on the wire when frozen: {on_the_wire:?}; {verdict}; attempts by worker: {workers:?}"
    );
    assert!(
        on_the_wire.iter().filter(|count| **count > 0).count() >= 3,
        "{on_the_wire:?}"
    );
    assert_eq!(workers.len(), 2, "both worked");
    assert!(
        workers.iter().all(|(_, attempts)| *attempts >= 20),
        "{workers:?}"
    );
}
