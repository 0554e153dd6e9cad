//! The real binary, running.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::PipeWriter,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::sync::OnceCell;

use super::{
    ADMIN_PASSWORD, Database, TIMEOUT, cluster, eventually, free_port, guardian::Guardian,
    process::Process, scratch_dir, seconds,
};

/// The settings of a server that is not started yet.
#[derive(Debug, Default)]
pub struct Setup {
    settings: BTreeMap<String, String>,
    database: Option<Database>,
    stderr: Option<PipeWriter>,
    files: Option<String>,
}

/// A running server, of one test or shared by ordinary tests.
#[derive(Debug)]
pub struct Server {
    pub url: String,
    pub data_dir: PathBuf,
    settings: BTreeMap<String, String>,
    database: Option<Database>,
    process: Option<Process>,
    stderr: Option<PipeWriter>,
    files: Option<String>,
    pub(super) admin: OnceCell<String>,
    // Last, so that everything else has ended before.
    _guardian: Guardian,
}

static SHARED: OnceCell<Server> = OnceCell::const_new();

impl Setup {
    /// A server with its own embedded Postgres.
    pub fn embedded() -> Self {
        Self::default()
    }

    /// A server on this database.
    pub fn on(database: &Database) -> Self {
        let setup = Self {
            database: Some(database.clone()),
            ..Self::default()
        };
        setup
            .set("DATABASE_URL", &database.url())
            .set("MASTER_KEY", database.master_key())
            .set("POSTGRES_CONNECTIONS", "24")
    }

    /// Adds a setting, named without `LEDGERLINE_`.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings
            .insert(format!("LEDGERLINE_{name}"), value.to_owned());
        self
    }

    /// Sets its `PATH` to this folder only.
    pub fn path(mut self, folder: &Path) -> Self {
        let folder = folder.to_str().unwrap().to_owned();
        self.settings.insert("PATH".to_owned(), folder);
        self
    }

    /// Writes its standard error to this pipe, instead of a file, at its first start.
    pub fn stderr(mut self, pipe: PipeWriter) -> Self {
        self.stderr = Some(pipe);
        self
    }

    /// Sets the soft and the hard limit on open files.
    pub fn files(mut self, soft: u32, hard: u32) -> Self {
        self.files = Some(format!("--nofile={soft}:{hard}"));
        self
    }

    /// Starts it and waits until it is ready.
    pub async fn start(self) -> Server {
        let mut server = self.spawn();
        server.ready().await;
        server
    }

    /// Starts it and does not wait: some roles serve no requests.
    pub fn spawn(self) -> Server {
        let data_dir = scratch_dir("it");
        let port = free_port();
        let mut settings = self.settings;
        for (name, value) in [
            ("LISTEN", format!("127.0.0.1:{port}")),
            ("LMTP_LISTEN", "127.0.0.1:0".to_owned()),
            ("SMTP_LISTEN", "127.0.0.1:0".to_owned()),
            ("DATA_DIR", data_dir.to_str().unwrap().to_owned()),
            ("ADMIN_PASSWORD", ADMIN_PASSWORD.to_owned()),
            // All tests have one address, and many have failed logins.
            ("LOGIN_ATTEMPTS_PER_ADDRESS", "100000".to_owned()),
            ("LOG", "info".to_owned()),
            // A worker may be delayed for long on a busy machine.
            ("LEASE_SECONDS", "30".to_owned()),
        ] {
            settings
                .entry(format!("LEDGERLINE_{name}"))
                .or_insert(value);
        }
        let mut server = Server {
            url: format!("http://127.0.0.1:{port}"),
            _guardian: Guardian::new(&data_dir),
            data_dir,
            settings,
            database: self.database,
            process: None,
            stderr: self.stderr,
            files: self.files,
            admin: OnceCell::new(),
        };
        server.spawn();
        server
    }
}

impl Server {
    /// The server that ordinary tests share, each with users of its own.
    pub async fn shared() -> &'static Self {
        SHARED.get_or_init(|| Setup::embedded().start()).await
    }

    /// A new server of this test's own.
    pub async fn alone() -> Self {
        Setup::on(&Database::create().await).start().await
    }

    /// Starts it again, and waits until it is ready.
    pub async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts it and does not wait.
    pub fn spawn(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_file())
            .unwrap();
        let binary = env!("CARGO_BIN_EXE_ledgerline");
        let mut serve = match &self.files {
            Some(limit) => self.program("prlimit", &[limit, "--", binary, "serve"]),
            None => self.program(binary, &["serve"]),
        };
        let stdout = log.try_clone().unwrap();
        let stderr = self.stderr.take();
        serve
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr.map_or(Stdio::from(log), Stdio::from));
        self.process = Some(Process::spawn(serve, &self.data_dir, "server"));
    }

    /// Waits until `/readyz` reports that it is ready.
    pub async fn ready(&mut self) {
        let client = self.stranger();
        let process = self.process.as_mut().expect("started");
        let log = self.data_dir.join("server.log");
        eventually("the server is ready", seconds(60), async || {
            if let Some(status) = process.ended() {
                panic!("the server ended: {status}\n{}", tail(&log));
            }
            let asked = client.try_send(client.request("GET", "/readyz")).await;
            asked.ok().filter(|answer| answer.status == 200)
        })
        .await;
        if self.database.is_none()
            && let Some(socket) = self.database().get_socket()
        {
            // The socket's directory outlives a killed server; the guardian removes it by this
            // note.
            let note = self.data_dir.join("socket.location");
            fs::write(note, socket.as_os_str().as_encoded_bytes()).unwrap();
        }
    }

    /// Runs another command of the binary with the same settings.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs another command, which must succeed; answers its standard output.
    #[track_caller]
    pub fn run_ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "ledgerline {}: {complaint}",
            arguments.join(" ")
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command of the binary, with this server's settings and no others.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_ledgerline"), arguments)
    }

    fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.data_dir)
            .env_clear()
            .envs(&self.settings);
        for name in ["PATH", "HOME", "LEDGERLINE_POSTGRES_BIN", "RUST_BACKTRACE"] {
            let set = self.settings.contains_key(name);
            if let Some(value) = std::env::var_os(name).filter(|_| !set) {
                command.env(name, value);
            }
        }
        command
    }

    /// The content of its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap()
    }

    /// The port of its inbound mail server for this protocol.
    pub fn mail_port(&self, protocol: &str) -> u16 {
        let log = self.log();
        let said = format!("mail comes in by {protocol}");
        let line = log.lines().find(|line| line.contains(&said));
        let line = line.unwrap_or_else(|| panic!("no {protocol}: {log}"));
        let port = line.rsplit_once("127.0.0.1:").unwrap().1;
        let digits: String = port.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }

    fn log_file(&self) -> PathBuf {
        self.data_dir.join("server.log")
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.process.as_ref().expect("running").pid()
    }

    pub fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("running").signal(signal);
    }

    /// Kills it as a power cut would. An embedded Postgres stays behind.
    pub fn kill9(&mut self) {
        self.signal(Signal::SIGKILL);
        let ended = self.process.take().unwrap().wait(TIMEOUT);
        assert!(ended.is_some(), "killed and still there");
    }

    /// Sends SIGTERM and waits, at least [`TIMEOUT`]; answers the exit status.
    pub fn sigterm(&mut self, within: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.stopped(within)
    }

    /// Waits for its end after a signal; answers the exit status.
    pub fn stopped(&mut self, within: Duration) -> ExitStatus {
        let within = within.max(TIMEOUT);
        let ended = self.process.as_mut().unwrap().wait(within);
        let ended = ended.unwrap_or_else(|| panic!("not stopped within {within:?}"));
        self.process = None;
        ended
    }

    /// True if it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|it| it.ended().is_some())
    }

    /// Kills its embedded Postgres, found by the directory it works in.
    pub fn kill9_postgres(&self) {
        let cluster = self.cluster();
        let note = fs::read_to_string(cluster.join("postmaster.pid")).unwrap();
        let pid: i32 = note.lines().next().unwrap().trim().parse().unwrap();
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
        assert_eq!(cwd, cluster, "the postmaster of another cluster");
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }

    fn cluster(&self) -> PathBuf {
        let note = fs::read_to_string(self.data_dir.join("postgres.location"));
        let base = note.map_or_else(
            |_| self.data_dir.clone(),
            |path| PathBuf::from(path.trim_end()),
        );
        base.join("postgres")
    }

    /// The options of a connection to its database as the superuser.
    pub fn database(&self) -> PgConnectOptions {
        if let Some(database) = &self.database {
            return database.options();
        }
        let note = fs::read_to_string(self.cluster().join("postmaster.pid")).unwrap();
        let mut lines = note.lines().map(str::trim).skip(3);
        let port = lines.next().unwrap().parse().unwrap();
        cluster::options(Path::new(lines.next().unwrap()), port, "ledgerline")
    }

    /// A connection to its database, as the superuser.
    pub async fn sql(&self) -> PgConnection {
        PgConnection::connect_with(&self.database()).await.unwrap()
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
