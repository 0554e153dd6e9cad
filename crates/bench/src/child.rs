//! The server under measurement: this program itself, in a process of its own.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use embedded_postgres::EmbeddedPostgres;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use sqlx::postgres::PgConnectOptions;
use tokio::process::{Child, Command};

/// The password of the scratch server's first user.
pub const PASSWORD: &str = "bench-bench-bench";
/// The master key of the scratch server.
pub const MASTER_KEY: [u8; 32] = [7; 32];
const TIMEOUT: Duration = Duration::from_secs(60);

/// A server on a scratch data directory.
pub struct Server {
    /// The address of the API.
    pub address: SocketAddr,
    /// The address at which mail is handed over.
    pub lmtp: SocketAddr,
    /// The time from the start of the process until it was ready.
    pub ready_after: Duration,
    data_dir: PathBuf,
    child: Child,
}

impl Server {
    /// Starts the server and waits until it is ready.
    pub async fn start(data_dir: &Path) -> anyhow::Result<Self> {
        let (address, lmtp) = (free_address()?, free_address()?);
        let log = std::fs::File::create(data_dir.with_extension("log"))?;
        let key: String = MASTER_KEY
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let started = Instant::now();
        let child = Command::new(std::env::current_exe()?)
            .arg("serve")
            .env_clear()
            .envs(std::env::vars().filter(|(name, _)| !name.starts_with("LEDGERLINE_")))
            .env("LEDGERLINE_LISTEN", address.to_string())
            .env("LEDGERLINE_LMTP_LISTEN", lmtp.to_string())
            .env("LEDGERLINE_DATA_DIR", data_dir)
            .env("LEDGERLINE_ADMIN_PASSWORD", PASSWORD)
            .env("LEDGERLINE_MASTER_KEY", key)
            .env("LEDGERLINE_LOG", "warn")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("the server cannot be started")?;
        let mut server = Self {
            address,
            lmtp,
            ready_after: Duration::ZERO,
            data_dir: data_dir.to_owned(),
            child,
        };
        server.wait_ready(started).await?;
        server.ready_after = started.elapsed();
        Ok(server)
    }

    async fn wait_ready(&mut self, started: Instant) -> anyhow::Result<()> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(self.data_dir.with_extension("log"));
                bail!(
                    "the server ended with {status}: {}",
                    log.unwrap_or_default()
                );
            }
            if let Ok(mut connection) = super::http::Connection::open(self.address, "").await
                && connection.call("GET", "/readyz", None).await.is_ok()
            {
                return Ok(());
            }
            if started.elapsed() > TIMEOUT {
                bail!("the server does not become ready");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The options for connecting to its database.
    pub fn database(&self) -> anyhow::Result<PgConnectOptions> {
        Ok(EmbeddedPostgres::locate(&self.data_dir)?.connect_options())
    }

    /// The resident memory of the server, in megabytes.
    pub fn resident(&self) -> anyhow::Result<f64> {
        let id = self.child.id().context("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kilobytes: f64 = kilobytes.context("/proc says nothing of it")?.parse()?;
        Ok(kilobytes / 1024.0)
    }

    /// Stops the server in good order.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(id) = self.child.id() {
            kill(Pid::from_raw(i32::try_from(id)?), Signal::SIGTERM)?;
        }
        self.child.wait().await?;
        Ok(())
    }
}

/// A loopback port that was free a moment ago.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
