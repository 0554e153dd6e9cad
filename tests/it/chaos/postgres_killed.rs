//! Postgres is killed under the running server.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{storm::Storm, verdict::verdict};
use crate::harness::{MailRecorder, Mailing, Setup, smtp_provider};

const KILLS: usize = 6;
const CONNECTIONS: u32 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_kills_of_postgres_lose_nothing_and_deliver_nothing_twice() {
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

    for _ in 0..KILLS {
        storm.delivers(&recorder, 8).await;
        recorder.hold_after(random.random_range(0..20));
        let is_held = async || recorder.held() > 0;
        storm.until(&recorder, "a mail is held", is_held).await;
        let while_at = Duration::from_millis(random.random_range(0..700));
        storm.rage(&recorder, while_at).await;
        server.kill9_postgres();
        // The outcomes of the held mails become known while there is no database to record them.
        recorder.release();
        server.ready().await;
    }
    storm
        .until(&recorder, "enough mails to mean something", async || {
            recorder.count() >= 200
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
    println!("{verdict}");
}
