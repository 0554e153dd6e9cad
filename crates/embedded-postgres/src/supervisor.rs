//! Keeps one server running until it is told to stop.

use std::time::Duration;

use backoff::Backoff;
use nix::sys::signal::Signal;
use tokio::{
    process::Child,
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::{
    leftovers,
    server::{Server, shut_down, signal_process},
};

/// The pauses before restarts.
const RESTARTS: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(10));
/// The run time after which the pause is reset: such a server did not end of a failed start.
const SETTLED: Duration = Duration::from_secs(60);

/// The task that owns the server's process.
#[derive(Debug)]
pub(super) struct Supervisor {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    pid: watch::Receiver<Option<u32>>,
}

impl Supervisor {
    pub fn watch(server: Server, child: Child) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (pid_sender, pid) = watch::channel(child.id());
        let task = tokio::spawn(supervise(server, child, stopped, pid_sender));
        Self {
            stop: Some(stop),
            task,
            pid,
        }
    }

    pub fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the supervisor of Postgres failed");
        }
    }

    /// Leaves the server running without a supervisor, as if this process had been killed.
    #[cfg(test)]
    pub fn abandon(self) {
        self.task.abort();
        std::mem::forget(self);
    }
}

impl Drop for Supervisor {
    /// Tells the server to end without waiting for it, unless [`Supervisor::stop`] was called.
    fn drop(&mut self) {
        if !self.task.is_finished() {
            self.task.abort();
            if let Some(pid) = self.pid() {
                signal_process(pid, Signal::SIGINT);
            }
        }
    }
}

async fn supervise(
    server: Server,
    mut child: Child,
    mut stopped: oneshot::Receiver<()>,
    pid: watch::Sender<Option<u32>>,
) {
    let mut backoff = RESTARTS;
    loop {
        let started = Instant::now();
        let mut tick = interval(Duration::from_secs(60));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                _ = &mut stopped => return shut_down(&mut child).await,
                _ = tick.tick() => server.rotate_log(),
            }
        };
        pid.send_replace(None);
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        tracing::warn!(status, "Postgres ended unexpectedly; restarting it");

        if started.elapsed() > SETTLED {
            backoff.reset();
        }
        child = loop {
            tokio::select! {
                () = sleep(backoff.take()) => {}
                _ = &mut stopped => return,
            }
            let cleared = leftovers::clear(&server.place.cluster(), &server.socket_dir).await;
            match cleared.and_then(|()| server.spawn()) {
                Ok(child) => break child,
                Err(error) => tracing::error!(%error, "could not restart Postgres; trying again"),
            }
        };
        pid.send_replace(child.id());
    }
}
