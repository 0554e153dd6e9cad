//! The test harness: servers, clients, databases and peers, each of which cleans up after itself,
//! even if the tests themselves are killed.

mod answer;
mod browser;
mod calling;
mod campaigning;
mod causes;
mod client;
mod cluster;
mod company;
mod dialing;
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
mod users;

use std::{
    fmt::Debug,
    io::Write as _,
    net::TcpListener,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

pub use testkit::{Centre, python};

pub use self::{
    answer::Answer,
    browser::Browser,
    calling::{Call, Calling, HANGS_UP, LISTENS, STAYS},
    campaigning::{Campaigning, densest_second},
    causes::{all_types_of_events, every_event_names_its_causes},
    client::Client,
    cluster::{Database, binary},
    company::Company,
    dialing::Dialing,
    dump::Dump,
    kannel::Kannel,
    log::EventLog,
    lossy::Lossy,
    mail_desk::MailDesk,
    mailing::{Mailing, sandbox_provider, smtp_provider, smtp_provider_within},
    postfix::Postfix,
    postman::Postman,
    read_models::ReadModels,
    receiving::{Brings, Receiving, delete_account},
    recorder::{MailRecorder, Received},
    server::{Server, Setup},
    sink::SmtpSink,
    users::{ADMIN_PASSWORD, USER_PASSWORD},
};

/// Reports what could not be tested on this machine, even if the output of passed tests is not
/// shown.
pub fn cannot_run(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "not tested here: {what}: {why}");
}

/// The least time limit of tests for an expected event. It is no measure of speed: machines are
/// slow, and busy with other work.
pub const TIMEOUT: Duration = seconds(180);

/// Polls until the probe has a result. Panics with `what` after [`TIMEOUT`], or after `within` if
/// that is longer.
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

/// Polls until the probe has a result, as long as its progress, such as a count, changes. Panics
/// when that has not changed for [`TIMEOUT`].
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

/// A number that is unique in this run.
pub fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A name that is unique in this run.
pub fn unique_name(prefix: &str) -> String {
    format!("{prefix}{}x{}", std::process::id(), unique())
}

/// A duration in seconds, for readability.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Makes a directory for this run, whose path is short enough for a socket.
pub fn scratch_dir(kind: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let dir = std::env::temp_dir().join(format!("lg-{kind}-{}-{}", std::process::id(), unique()));
    std::fs::create_dir_all(&dir).unwrap();
    // The user of Postgres has to traverse it.
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o711)).unwrap();
    dir
}

/// A free loopback port, from below the range of outgoing connections, so that a server can be
/// killed and restarted on it.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(12_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
