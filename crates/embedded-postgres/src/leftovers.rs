//! Cleans up after an earlier run: ends a server without a parent, removes a lock file without
//! a server.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

use super::error::{Context, EmbeddedError};

/// The signals that end a server, each with the time until the next: a fast shutdown, an
/// immediate shutdown, a kill. Backends that lost their postmaster end by themselves soon,
/// within the first wait.
const REQUESTS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(20)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];

/// The program that the living postmaster of a cluster runs, if there is one.
pub(super) fn postmaster(cluster: &Path) -> Option<PathBuf> {
    server_in(recorded_postmaster(cluster)?, cluster)
}

/// Ends every Postgres process that works in `cluster`, and removes the lock files that would
/// keep the next server from starting.
///
/// The caller holds the data directory's lock, so that no process found here has a living
/// supervisor.
pub(super) async fn clear(cluster: &Path, socket_dir: &Path) -> Result<(), EmbeddedError> {
    end_servers(cluster).await?;
    if !Path::new("/proc/self/cwd").exists() {
        // Without /proc a dead postmaster cannot be told from a living one: Postgres itself decides
        // about its files.
        return Ok(());
    }
    remove(&cluster.join("postmaster.pid"))?;
    let entries = fs::read_dir(socket_dir).context(|| format!("list {}", socket_dir.display()))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(".s.PGSQL.") {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

async fn end_servers(cluster: &Path) -> Result<(), EmbeddedError> {
    for (signal, time_limit) in REQUESTS {
        let Some(pid) = ask_to_end(cluster, signal)? else {
            return Ok(());
        };
        tracing::warn!(postgres.pid = pid.as_raw(), %signal, "ending a Postgres of an earlier run");
        let deadline = Instant::now() + time_limit;
        while Instant::now() < deadline {
            if servers_in(cluster).is_empty() {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
    match servers_in(cluster).first() {
        Some(pid) => Err(EmbeddedError::OrphanStays {
            pid: pid.as_raw(),
            cluster: cluster.to_owned(),
        }),
        None => Ok(()),
    }
}

/// Signals the postmaster, which ends its backends; without a postmaster, and with SIGKILL,
/// signals all processes. Answers one of them, or `None` if none is alive.
fn ask_to_end(cluster: &Path, signal: Signal) -> Result<Option<Pid>, EmbeddedError> {
    let alive = servers_in(cluster);
    let postmaster = recorded_postmaster(cluster).filter(|pid| alive.contains(pid));
    let asked = match postmaster {
        Some(pid) if signal != Signal::SIGKILL => vec![pid],
        _ => alive,
    };
    for pid in &asked {
        match kill(*pid, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => return Err(error).context(|| format!("end process {pid}")),
        }
    }
    Ok(asked.first().copied())
}

/// The Postgres processes with `cluster` as their working directory. A zombie has no working
/// directory, so it does not count; a shell that was opened there is no server, so it is left
/// alone.
fn servers_in(cluster: &Path) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
        .filter(|pid| server_in(*pid, cluster).is_some())
        .collect()
}

fn server_in(pid: Pid, cluster: &Path) -> Option<PathBuf> {
    let of = |link: &str| fs::read_link(format!("/proc/{pid}/{link}")).ok();
    let program = of("exe")?;
    // An upgraded package leaves "postgres (deleted)".
    let is_server = program
        .file_name()?
        .to_string_lossy()
        .starts_with("postgres");
    (is_server && of("cwd")? == cluster).then_some(program)
}

fn recorded_postmaster(cluster: &Path) -> Option<Pid> {
    let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    (pid > 1).then(|| Pid::from_raw(pid))
}

fn remove(path: &Path) -> Result<(), EmbeddedError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
