//! A running program.

use std::{io, path::Path, process::Stdio, time::Duration};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use tokio_util::sync::CancellationToken;

use super::Finished;

/// Bound on the output that is kept, in bytes, of each of stdout and stderr.
const PRINTED: u64 = 64 << 10;
/// Time limit for the pipes to close after all their writers were killed.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// The `PATH` of programs, some of which are scripts that call others.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program and its descendants in one process group, which is killed when this is dropped.
pub(super) struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Running {
    /// Starts a program in a folder, which it finds at `inside`.
    pub fn start(mut command: Command, folder: &Path, inside: &Path) -> io::Result<Self> {
        let child = command
            .current_dir(folder)
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", inside)
            .env("TMPDIR", inside)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            // If this value is dropped before its end, the runtime reaps the child.
            .kill_on_drop(true)
            .spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self {
            child,
            group: group.map(Pid::from_raw),
        })
    }

    /// Waits for the end of the program; none if it did not end in time or before `stop`.
    pub async fn finish(
        mut self,
        within: Duration,
        stop: &CancellationToken,
    ) -> io::Result<Option<Finished>> {
        let stdout = tokio::spawn(first_of(self.child.stdout.take()));
        let stderr = tokio::spawn(first_of(self.child.stderr.take()));
        let ended = timeout(within, self.child.wait());
        let status = match stop.run_until_cancelled(ended).await {
            Some(Ok(status)) => Some(status?),
            Some(Err(_)) | None => None,
        };
        // Also the processes that it left running.
        self.kill();
        if status.is_none() {
            self.child.wait().await?;
        }
        let printed = timeout(LAST_WORDS, futures::future::join(stdout, stderr)).await;
        let (stdout, stderr) = printed.unwrap_or_else(|_| (Ok(Vec::new()), Ok(Vec::new())));
        Ok(status.map(|status| Finished {
            status,
            stdout: stdout.unwrap_or_default(),
            stderr: stderr.unwrap_or_default(),
        }))
    }

    fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // An error means that no process of the group is left.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The first [`PRINTED`] bytes of a pipe. The rest is read and dropped, so that the program does
/// not block on a full pipe.
async fn first_of(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut first = Vec::new();
    let Some(mut pipe) = pipe else {
        return first;
    };
    if (&mut pipe)
        .take(PRINTED)
        .read_to_end(&mut first)
        .await
        .is_ok()
    {
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
    first
}
