//! A worker is frozen past its lease, and resumes.

use std::{collections::BTreeSet, time::Duration};

use nix::sys::signal::Signal;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    storm::Storm,
    verdict::{account_for, verdict},
};
use crate::harness::{
    Database, EventLog, MailRecorder, Mailing, Server, Setup, TIMEOUT, eventually, smtp_provider,
};

const FREEZES: usize = 5;
const CONNECTIONS: u32 = 4;
/// Attempts that a worker must have started to count as active.
const WORKED: i64 = 20;

async fn server(database: &Database) -> Server {
    let setup = Setup::on(database)
        .set("LEASE_SECONDS", "4")
        .set("RETRY_BASE_SECONDS", "1");
    setup.start().await
}

/// The number of attempts that each worker has started.
async fn workers(server: &Server) -> Vec<(String, i64)> {
    let sql = "select payload -> event_type ->> 'worker', count(*) from events
               where event_type = 'SpoolStarted' group by 1 order by 1";
    sqlx::query_as(sql)
        .fetch_all(EventLog::open(server).await.sql())
        .await
        .unwrap()
}

/// The attempts of which a log says that their lease ran out.
fn run_out(log: &str) -> Vec<i64> {
    let lines = log
        .lines()
        .filter(|line| line.contains("the lease ran out"));
    let id = |line: &str| {
        let (_, rest) = line.rsplit_once("spool.id=")?;
        let digits = rest.find(|it: char| !it.is_ascii_digit());
        rest[..digits.unwrap_or(rest.len())].parse().ok()
    };
    lines.filter_map(id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_frozen_past_its_lease_sends_nothing_that_another_took_over() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let database = Database::create().await;
    // The first server leads the subscribers, so that freezing the second does not stop them.
    let (steady, frozen) = (server(&database).await, server(&database).await);
    let recorder = MailRecorder::start(20);
    let admin = steady.admin().await;
    smtp_provider(&admin, recorder.port, CONNECTIONS).await;
    let mailing = Mailing::new(&admin).await;
    let storm = Storm::over(&mailing);
    let (mut on_the_wire, mut lost) = (Vec::new(), BTreeSet::new());
    let (name, mut log) = (format!("-{}", frozen.pid()), EventLog::open(&steady).await);

    for _ in 0..FREEZES {
        storm.delivers(&recorder, 20).await;
        // More mails than one worker has connections for: some are the other worker's.
        recorder.hold_after(random.random_range(0..20));
        let both_wait = async || recorder.held() > CONNECTIONS as usize;
        storm
            .until(&recorder, "mails of both are held", both_wait)
            .await;
        frozen.signal(Signal::SIGSTOP);
        let started = log.on_the_wire_of(&name, 0).await;
        on_the_wire.push(started.len());
        lost.extend(&started);
        recorder.release();
        let is_noticed = async || {
            let unknown = log.spools("SpoolOutcomeUnknown").await;
            let unknown: BTreeSet<i64> = unknown.into_iter().collect();
            started.iter().all(|spool| unknown.contains(spool))
        };
        storm
            .until(&recorder, "the lease runs out", is_noticed)
            .await;
        let while_at = Duration::from_millis(random.random_range(0..1_000));
        storm.rage(&recorder, while_at).await;
        frozen.signal(Signal::SIGCONT);
    }
    let have_worked = async || {
        let workers = workers(&steady).await;
        workers.len() == 2 && workers.iter().all(|(_, attempts)| *attempts >= WORKED)
    };
    storm.until(&recorder, "both work", have_worked).await;
    let acknowledged = storm.calm().await;

    account_for(&steady, &acknowledged).await;
    // On a busy machine a worker that runs may lose a lease too; it says so.
    let unknown: BTreeSet<i64> = log
        .spools("SpoolOutcomeUnknown")
        .await
        .into_iter()
        .collect();
    let lost = eventually("every lost lease is told of", TIMEOUT, async || {
        let told = [&steady, &frozen].map(|server| run_out(&server.log()));
        let lost: BTreeSet<i64> = lost
            .iter()
            .copied()
            .chain(told.into_iter().flatten())
            .collect();
        unknown.is_subset(&lost).then_some(lost)
    });
    let most = lost.await.len();
    let verdict = verdict(&steady, &recorder, &acknowledged, most).await;
    let workers = workers(&steady).await;
    println!(
        "on the wire when frozen: {on_the_wire:?}; {verdict}; attempts by worker: {workers:?}"
    );
    assert!(
        on_the_wire.iter().all(|count| *count > 0),
        "{on_the_wire:?}"
    );
}
