//! The server is killed, again and again.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{storm::Storm, verdict::verdict};
use crate::harness::{EventLog, MailRecorder, Mailing, Setup, eventually, seconds, smtp_provider};

const KILLS: usize = 20;
/// How many kills have to land with mails on the wire.
const MUST_LAND: usize = 15;
const CONNECTIONS: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_lose_nothing_and_deliver_nothing_twice() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let setup = Setup::embedded()
        .set("LEASE_SECONDS", "2")
        .set("RETRY_BASE_SECONDS", "1");
    let (mut server, recorder) = (setup.start().await, MailRecorder::start(30));
    let admin = server.admin().await;
    smtp_provider(&admin, recorder.port, CONNECTIONS).await;
    let mailing = Mailing::of(&admin).await;
    let storm = Storm::over(&mailing);
    let mut on_the_wire = Vec::new();

    for _ in 0..KILLS {
        let up_since = EventLog::of(&server).await.head().await;
        let before = storm.watch(&recorder);
        eventually("mails leave again", seconds(30), async || {
            (storm.watch(&recorder) > before + 8).then_some(())
        })
        .await;
        storm
            .rage(
                &recorder,
                Duration::from_millis(random.random_range(0..700)),
            )
            .await;
        server.kill9();
        // Its Postgres is an orphan now, and knows what was on record at that moment.
        on_the_wire.push(
            EventLog::of(&server)
                .await
                .on_the_wire(up_since)
                .await
                .len(),
        );
        server.start().await;
    }
    eventually(
        "enough mails for this to mean something",
        seconds(60),
        async || (storm.watch(&recorder) >= 400).then_some(()),
    )
    .await;
    let acknowledged = storm.calm().await;

    let verdict = verdict(
        &server,
        &recorder,
        &acknowledged,
        KILLS * CONNECTIONS as usize,
    )
    .await;
    println!("on the wire at each kill: {on_the_wire:?}; {verdict}");
    let landed = on_the_wire.iter().filter(|count| **count > 0).count();
    assert!(
        landed >= MUST_LAND,
        "only {landed} kills landed with mails on the wire"
    );
    let most = on_the_wire.iter().max().unwrap();
    assert!(
        *most <= CONNECTIONS as usize,
        "{most} on the wire over {CONNECTIONS} connections"
    );
}
