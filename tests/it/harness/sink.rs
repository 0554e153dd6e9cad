//! The test server of Postfix: `smtp-sink`.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::unistd::{User, chown, geteuid};

use super::{eventually, free_port, guardian::Guardian, process::Process, scratch_dir, seconds};

/// A running sink that keeps every mail as a file.
#[derive(Debug)]
pub struct SmtpSink {
    pub port: u16,
    dir: PathBuf,
    _process: Process,
    _guardian: Guardian,
}

impl SmtpSink {
    /// Starts a sink.
    pub async fn start() -> Self {
        Self::on(free_port()).await
    }

    /// Starts a sink on this port.
    pub async fn on(port: u16) -> Self {
        let program = [
            "/usr/sbin/smtp-sink",
            "/usr/bin/smtp-sink",
            "/usr/libexec/postfix/smtp-sink",
        ];
        let program = program.into_iter().find(|path| Path::new(path).exists());
        let program = program.expect("peer smtp-sink is missing: install postfix");
        let dir = scratch_dir("sink");
        let guardian = Guardian::new(&dir);
        let mails = dir.join("mails");
        fs::create_dir(&mails).unwrap();
        let mut command = Command::new(program);
        if geteuid().is_root() {
            let user = User::from_name("nobody").unwrap().expect("a user nobody");
            chown(&mails, Some(user.uid), Some(user.gid)).unwrap();
            command.args(["-u", "nobody"]);
        }
        command
            .arg("-d")
            .arg(mails.join("mail."))
            .arg(format!("127.0.0.1:{port}"))
            .arg("128");
        command.current_dir(&mails).stdin(Stdio::null());
        command.stderr(fs::File::create(dir.join("sink.log")).unwrap());
        let process = Process::spawn(command, &dir, "sink");
        eventually("smtp-sink listens", seconds(10), async || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        })
        .await;
        Self {
            port,
            dir: mails,
            _process: process,
            _guardian: guardian,
        }
    }

    /// The accepted mails, unchanged.
    pub fn mails(&self) -> Vec<String> {
        let files = fs::read_dir(&self.dir).unwrap().flatten();
        files
            .map(|file| fs::read_to_string(file.path()).unwrap())
            .collect()
    }

    /// The number of accepted mails.
    pub fn count(&self) -> usize {
        fs::read_dir(&self.dir).unwrap().count()
    }
}
