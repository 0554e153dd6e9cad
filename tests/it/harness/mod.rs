//! What tests stand on: servers, clients, databases and peers, each of which cleans
//! up after itself, also where the tests themselves are killed.

mod answer;
mod browser;
mod campaigning;
#[path = "../../../gateways/src/smpp/tests/peers.rs"]
mod centre;
mod client;
mod cluster;
mod dump;
mod guardian;
mod kannel;
mod log;
mod lossy;
mod mail_desk;
mod mailing;
mod postfix;
mod postman;
mod process;
mod read_models;
mod receiving;
mod recorder;
mod server;
mod sink;

use std::{
    fmt::Debug,
    io::Write as _,
    net::TcpListener,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

pub use self::{
    answer::Answer,
    browser::Browser,
    campaigning::{Campaigning, densest_second},
    centre::Centre,
    client::Client,
    cluster::{Database, binary},
    dump::Dump,
    kannel::Kannel,
    log::EventLog,
    lossy::Lossy,
    mail_desk::MailDesk,
    mailing::{Mailing, sandbox_provider, smtp_provider, smtp_provider_within},
    postfix::Postfix,
    postman::Postman,
    read_models::ReadModels,
    receiving::{Brings, Receiving},
    recorder::{MailRecorder, Received, python},
    server::{ADMIN_PASSWORD, Server, Setup, USER_PASSWORD},
    sink::SmtpSink,
};

/// Says what could not be tested on this machine, also where the output of tests that pass is
/// not shown.
pub fn cannot_run(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "not tested here: {what}: {why}");
}

/// The least time that tests wait for something that has to happen. It is no measure of
/// speed: machines are slow, and busy with other work.
pub const TIMEOUT: Duration = seconds(180);

/// Asks until there is an answer; fails, saying what it waited for, when time is up: after
/// [`TIMEOUT`], or after `within` where that is longer.
pub async fn eventually<T>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let within = within.max(TIMEOUT);
    let until = Instant::now() + within;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < until, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks until there is an answer, for as long as what it is told instead, such as a count,
/// changes; fails when that has stood still for [`TIMEOUT`].
pub async fn while_it_moves<T, P: PartialEq + Debug>(
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<T, P>,
) -> T {
    let (mut last, mut until) = (None, Instant::now());
    loop {
        let now = match probe().await {
            Ok(found) => return found,
            Err(now) => Some(now),
        };
        if now != last {
            (last, until) = (now, Instant::now() + TIMEOUT);
        }
        assert!(Instant::now() < until, "at {last:?} it stands: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A number that no other call in this run has got.
pub fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A name that nothing else in this run has.
pub fn unique_name(prefix: &str) -> String {
    format!("{prefix}{}x{}", std::process::id(), unique())
}

/// Seconds, to be read as one reads.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A directory of this run, short enough to hold a socket.
pub fn scratch_dir(kind: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let dir = std::env::temp_dir().join(format!("lg-{kind}-{}-{}", std::process::id(), unique()));
    std::fs::create_dir_all(&dir).unwrap();
    // The database's user has to pass through it.
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o711)).unwrap();
    dir
}

/// A loopback port that nobody listens on, from below those that outgoing
/// connections are given: a server can be killed and come back on it.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(12_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
