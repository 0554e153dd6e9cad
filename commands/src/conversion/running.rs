//! A program while it runs.

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

/// How much is kept of what it prints.
const PRINTED: u64 = 64 << 10;
/// How long pipes may stay open when all that could write to them was killed.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Where scripts among the programs find what they call.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program and all it has started: one process group, killed as a whole when this
/// is dropped.
pub(super) struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Running {
    /// Starts it in a folder, which it finds at `inside`.
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
            // If nobody waits for its end any more, the runtime does.
            .kill_on_drop(true)
            .spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self {
            child,
            group: group.map(Pid::from_raw),
        })
    }

    /// Waits for its end; nothing if that was not there in time, or before `stop`.
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
        // Also what it left running.
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
            // An error means that nobody is left of it.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The beginning of what comes; the rest is read too, so that nobody waits at a full pipe.
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
