//! Creates a cluster and starts the server on it.

use std::{
    fs::{self, File, OpenOptions},
    io::ErrorKind,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::Child,
    time::{Instant, sleep, timeout},
};

use super::{
    DATABASE, SUPERUSER,
    binaries::Binaries,
    error::{Context, EmbeddedError},
    owner::Owner,
    place::Place,
};

/// Time limit of a start: crash recovery replays up to `max_wal_size` of log, which takes long on
/// a slow disk.
const START_TIMEOUT: Duration = Duration::from_secs(600);
/// Time limit of a fast shutdown, which writes a checkpoint first.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
const LOG_LIMIT: u64 = 10 * 1024 * 1024;

const SETTINGS: &str = "\
# Settings of Ledgerline's embedded Postgres, for a small machine. Written once and yours to change;
# they are read when Ledgerline starts. Durability, socket and addresses are set on the command line.
shared_buffers = 128MB
max_connections = 100
wal_compression = on
max_wal_size = 2GB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
# What users typed stays out of the log: no statements, no rows in the details.
log_min_error_statement = panic
log_error_verbosity = terse
";

/// All that is needed to start the server, also repeatedly.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub owner: Owner,
    pub binaries: Binaries,
    pub place: Place,
    pub socket_dir: PathBuf,
    pub listen: Option<SocketAddr>,
    pub log: PathBuf,
}

impl Server {
    pub fn port(&self) -> u16 {
        self.listen.map_or(5432, |address| address.port())
    }

    /// Makes the cluster under a temporary name and renames it, so that an unfinished cluster is
    /// never taken for a whole one.
    pub async fn create_cluster(&self) -> Result<(), EmbeddedError> {
        let cluster = self.place.cluster();
        let unfinished = cluster.with_extension("new");
        match fs::remove_dir_all(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).context(|| format!("remove {}", unfinished.display()));
            }
            _ => {}
        }
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&unfinished)
            .context(|| format!("create the directory {}", unfinished.display()))?;
        self.owner.give(&unfinished)?;

        let mut said = self.initdb(&unfinished, "C.UTF-8").await?;
        if said.is_err() {
            // Not every system knows C.UTF-8.
            said = self.initdb(&unfinished, "C").await?;
        }
        if let Err(said) = said {
            let _ = fs::remove_dir_all(&unfinished);
            return Err(EmbeddedError::InitDb { cluster, said });
        }
        fs::rename(&unfinished, &cluster)
            .and_then(|()| File::open(&self.place.base)?.sync_all())
            .context(|| format!("create the directory {}", cluster.display()))
    }

    async fn initdb(&self, dir: &Path, locale: &str) -> Result<Result<(), String>, EmbeddedError> {
        let mut command = Command::new(self.binaries.initdb());
        self.owner.dress(&mut command);
        command
            .current_dir(dir)
            .arg("--pgdata")
            .arg(dir)
            .args([
                "--username",
                SUPERUSER,
                "--encoding",
                "UTF8",
                "--locale",
                locale,
            ])
            .args(["--auth-local", "trust", "--auth-host", "reject"]);
        let output = tokio::process::Command::from(command)
            .output()
            .await
            .context(|| format!("run {}", self.binaries.initdb().display()))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Ok(if output.status.success() {
            Ok(())
        } else {
            Err(said)
        })
    }

    /// Writes the settings and access files. They are outside of the cluster, because root must not
    /// write where another user could have put a link.
    pub fn write_settings(&self) -> Result<(), EmbeddedError> {
        let settings = self.settings_file();
        if !settings.exists() {
            let shared_memory = self.usable_shared_memory();
            write_readable(
                &settings,
                &format!("{SETTINGS}dynamic_shared_memory_type = {shared_memory}\n"),
            )?;
        }
        write_readable(
            &self.access_file(),
            &format!(
                "# Who gets in. Written at every start.\n\
                 # The socket lies in a directory that only the database's user and root enter.\n\
                 local all all trust\n\
                 # TCP, when LEDGERLINE_POSTGRES_LISTEN is set, is for analysts.\n\
                 host all {SUPERUSER} all reject\n\
                 host {DATABASE} all 127.0.0.0/8 scram-sha-256\n\
                 host {DATABASE} all ::1/128 scram-sha-256\n"
            ),
        )
    }

    /// The kind of shared memory that initdb found to work: not every container has a usable
    /// /dev/shm.
    fn usable_shared_memory(&self) -> &'static str {
        let made =
            fs::read_to_string(self.place.cluster().join("postgresql.conf")).unwrap_or_default();
        let chosen = made
            .lines()
            .find_map(|line| line.strip_prefix("dynamic_shared_memory_type = "));
        ["sysv", "mmap"]
            .into_iter()
            .find(|kind| chosen.is_some_and(|chosen| chosen.starts_with(kind)))
            .unwrap_or("posix")
    }

    fn settings_file(&self) -> PathBuf {
        self.place.base.join("postgres.conf")
    }

    fn access_file(&self) -> PathBuf {
        self.place.base.join("postgres_hba.conf")
    }

    pub fn spawn(&self) -> Result<Child, EmbeddedError> {
        let cluster = self.place.cluster();
        let log = || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o640)
                .open(&self.log)
                .context(|| format!("open {}", self.log.display()))
        };
        let mut command = Command::new(self.binaries.postgres());
        self.owner.dress(&mut command);
        command
            .current_dir(&cluster)
            .stdout(log()?)
            .stderr(log()?)
            .arg("-D")
            .arg(&cluster);
        let mut set = |name: &str, value: &Path| {
            let mut setting = std::ffi::OsString::from(format!("{name}="));
            setting.push(value);
            command.arg("-c").arg(setting);
        };
        set("config_file", &self.settings_file());
        set("hba_file", &self.access_file());
        set("ident_file", &cluster.join("pg_ident.conf"));
        set("unix_socket_directories", &self.socket_dir);
        set("unix_socket_permissions", Path::new("0700"));
        let listen = self
            .listen
            .map(|address| address.ip().to_string())
            .unwrap_or_default();
        set("listen_addresses", Path::new(&listen));
        set("port", Path::new(&self.port().to_string()));
        for durable in ["fsync", "full_page_writes", "synchronous_commit"] {
            set(durable, Path::new("on"));
        }
        tokio::process::Command::from(command)
            .stdin(Stdio::null())
            .spawn()
            .context(|| format!("run {}", self.binaries.postgres().display()))
    }

    /// Waits until a server that was just spawned accepts connections.
    pub async fn wait_ready(&self, child: &mut Child) -> Result<(), EmbeddedError> {
        let pid = child.id().map(|pid| pid.to_string()).unwrap_or_default();
        let pid_file = self.place.cluster().join("postmaster.pid");
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().context(|| "watch Postgres".to_owned())? {
                return Err(self.did_not_start(&format!("it ended with {status}")));
            }
            let state = fs::read_to_string(&pid_file).unwrap_or_default();
            if state.lines().next() == Some(&pid)
                && state.lines().nth(7).map(str::trim) == Some("ready")
            {
                return Ok(());
            }
            sleep(Duration::from_millis(3)).await;
        }
        Err(self.did_not_start(&format!(
            "it was not ready after {} s",
            START_TIMEOUT.as_secs()
        )))
    }

    fn did_not_start(&self, how: &str) -> EmbeddedError {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        // The last FATAL, PANIC or HINT of the last 30 lines names the cause, otherwise the last
        // line.
        let why = log
            .lines()
            .rev()
            .take(30)
            .find(|line| {
                ["FATAL:", "PANIC:", "HINT:"]
                    .iter()
                    .any(|level| line.contains(level))
            })
            .or_else(|| log.lines().next_back());
        let said = why.map_or(how.to_owned(), |why| format!("{how}: {why}"));
        EmbeddedError::DidNotStart {
            said,
            log: self.log.clone(),
        }
    }

    /// Rotates a log of more than 10 MiB by copying and emptying it. The server opened it for
    /// appending, so it continues at the start of the emptied file.
    pub fn rotate_log(&self) {
        let too_long = fs::metadata(&self.log).is_ok_and(|log| log.len() > LOG_LIMIT);
        if too_long {
            let rotated = fs::copy(&self.log, self.log.with_extension("log.1"))
                .and_then(|_| OpenOptions::new().write(true).open(&self.log)?.set_len(0));
            if let Err(error) = rotated {
                tracing::warn!(log = %self.log.display(), %error, "could not rotate the log of Postgres");
            }
        }
    }
}

/// Ends a server by a fast shutdown; if it does not end, by an immediate one, then by SIGKILL.
pub(super) async fn shut_down(child: &mut Child) {
    let requests = [
        (Signal::SIGINT, STOP_TIMEOUT),
        (Signal::SIGQUIT, Duration::from_secs(5)),
        (Signal::SIGKILL, Duration::from_secs(5)),
    ];
    for (signal, time_limit) in requests {
        // The id exists until the child was waited for, so it belongs to no other process.
        let Some(pid) = child.id() else { return };
        signal_process(pid, signal);
        if timeout(time_limit, child.wait()).await.is_ok() {
            return;
        }
        tracing::warn!(postgres.pid = pid, %signal, "Postgres does not stop");
    }
}

pub(super) fn signal_process(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

fn write_readable(path: &Path, text: &str) -> Result<(), EmbeddedError> {
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o644)))
        .context(|| format!("write {}", path.display()))
}
