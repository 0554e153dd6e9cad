//! `ledgerline confined`: restricts itself and becomes a program that converts uploads.

use std::{
    ffi::OsString,
    fmt::Display,
    io::{self, Write as _},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};

use clap::Args;
use confinement::Allowed;

/// The exit status of a program that could not be started, as shells have it.
const NOT_STARTED: u8 = 126;

/// Becomes a program that sees no files but these, no network and no other processes.
#[derive(Debug, Args)]
pub struct Confined {
    /// A file or folder that the program may read and run.
    #[arg(long)]
    read: Vec<PathBuf>,
    /// A folder that the program may write to.
    #[arg(long)]
    write: Vec<PathBuf>,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

impl Confined {
    /// Restricts this process and becomes the program; returns only if that fails.
    pub fn become_it(self) -> ExitCode {
        let (read, write) = (self.read, self.write);
        if let Err(error) = confinement::restrict(&Allowed { read, write }) {
            return failed("not confined", &error);
        }
        let mut words = self.program.into_iter();
        let Some(program) = words.next() else {
            return ExitCode::from(NOT_STARTED);
        };
        let error = Command::new(program).args(words).exec();
        failed("not started", &error)
    }
}

/// Reports a failure on standard error, which is the converter's own and is read by the process
/// that started it; it may be closed.
fn failed(step: &str, error: &dyn Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "ledgerline: {step}: {error}");
    ExitCode::from(NOT_STARTED)
}
