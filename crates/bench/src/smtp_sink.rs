//! The mail server that mails are measured through.

use std::{net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use anyhow::bail;
use tokio::process::{Child, Command};

use super::child::free_address;

/// smtp-sink of Debian's postfix, as a child.
pub struct SmtpSink {
    /// The address at which it listens.
    pub address: SocketAddr,
    _child: Child,
}

impl SmtpSink {
    /// Starts smtp-sink, if it is installed.
    pub async fn start() -> anyhow::Result<Option<Self>> {
        let Some(program) = [
            "/usr/sbin/smtp-sink",
            "/usr/local/sbin/smtp-sink",
            "/usr/bin/smtp-sink",
        ]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists()) else {
            return Ok(None);
        };
        let address = free_address()?;
        let mut command = Command::new(program);
        if nix::unistd::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        let child = command
            .arg(address.to_string())
            .arg("1024")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Ok(Some(Self {
                    address,
                    _child: child,
                }));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("smtp-sink does not listen")
    }
}
