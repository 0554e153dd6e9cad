//! A child process, whose id is noted for the guardian.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A child process that is ended when this value is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    note: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts a process and notes its id in `dir`.
    pub fn spawn(mut command: Command, dir: &Path, name: &str) -> Self {
        let program = command.get_program().to_owned();
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.to_string_lossy()));
        let note = dir.join(format!("{name}.pid"));
        fs::write(&note, child.id().to_string()).unwrap();
        Self {
            child,
            note,
            ended: None,
        }
    }

    /// Takes its standard input, which has to be a pipe.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("piped")
    }

    /// Starts a process as [`Process::spawn`] does; answers also its standard output.
    pub fn spawn_piped(command: Command, dir: &Path, name: &str) -> (Self, ChildStdout) {
        let mut process = Self::spawn(command, dir, name);
        let stdout = process.child.stdout.take().expect("piped");
        (process, stdout)
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            kill(self.pid(), signal).unwrap();
        }
    }

    /// The exit status, if the process has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().unwrap();
            if self.ended.is_some() {
                let _ = fs::remove_file(&self.note);
            }
        }
        self.ended
    }

    /// Waits for the end of the process; none after the time limit.
    pub fn wait(&mut self, within: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + within;
        while self.ended().is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.ended
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        for (signal, time_limit) in [(Signal::SIGTERM, 30), (Signal::SIGKILL, 30)] {
            self.signal(signal);
            let _ = kill(self.pid(), Signal::SIGCONT);
            if self.wait(Duration::from_secs(time_limit)).is_some() {
                return;
            }
        }
    }
}
