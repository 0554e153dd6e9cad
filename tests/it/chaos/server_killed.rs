//! The server is killed repeatedly.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{storm::Storm, verdict::verdict};
use crate::harness::{EventLog, MailRecorder, Mailing, Setup, smtp_provider};

const KILLS: usize = 20;
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
    let mailing = Mailing::new(&admin).await;
    let storm = Storm::over(&mailing);
    let mut on_the_wire = Vec::new();
    let mut killed = 0;

    for kill in 0..KILLS {
        let up_since = EventLog::open(&server).await.head().await;
        storm.delivers(&recorder, 8).await;
        // Every second kill hits mails that wait for their answer, the others any moment.
        if kill % 2 == 0 {
            recorder.hold_after(random.random_range(0..20));
            let is_held = async || recorder.held() > 0;
            storm.until(&recorder, "a mail is held", is_held).await;
        }
        let while_at = Duration::from_millis(random.random_range(0..700));
        storm.rage(&recorder, while_at).await;
        let held = recorder.held();
        server.kill9();
        recorder.release();
        // Its Postgres still runs, as an orphan, and has the log as of that moment.
        let mut log = EventLog::open(&server).await;
        let on_record = log.on_the_wire(killed).await.len();
        assert!(
            on_record >= held,
            "{held} on the wire, {on_record} on record"
        );
        on_the_wire.push((held, log.on_the_wire(up_since).await.len()));
        killed = log.head().await;
        server.start().await;
    }
    storm
        .until(&recorder, "enough mails to mean something", async || {
            recorder.count() >= 400
        })
        .await;
    let acknowledged = storm.calm().await;

    let verdict = verdict(
        &server,
        &recorder,
        &acknowledged,
        KILLS * CONNECTIONS as usize,
    )
    .await;
    println!("held, and on the wire at each kill: {on_the_wire:?}; {verdict}");
    let landed = on_the_wire.iter().step_by(2).filter(|kill| kill.0 > 0);
    assert_eq!(landed.count(), KILLS / 2, "{on_the_wire:?}");
    let most = on_the_wire.iter().map(|kill| kill.1).max().unwrap();
    assert!(
        most <= CONNECTIONS as usize,
        "{most} on the wire over {CONNECTIONS} connections"
    );
}
