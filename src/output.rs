//! Output of commands. `println!` panics if standard output is a pipe that its reader has closed;
//! [`print()`] returns that error, and text for standard error may get lost.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

/// Prints a line on standard output.
pub fn print(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Writes text to standard error, as it stands, if it is still read.
pub fn note(text: impl Display) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "{text}").and_then(|()| err.flush());
}

/// Prints lines on standard output, without waiting for that.
pub fn announce(lines: Vec<String>) {
    tokio::task::spawn_blocking(move || lines.into_iter().try_for_each(print));
}

/// True if a command ended because its output is not read to the end.
fn is_unread(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// The exit code of a command whose output is not read to the end: the code that a shell shows for
/// a program that the signal SIGPIPE ended.
const UNREAD: u8 = 128 + 13;

/// The message about a failure, if it is worth one, and the exit code.
pub fn failure(error: &anyhow::Error) -> (Option<String>, ExitCode) {
    if is_unread(error) {
        (None, ExitCode::from(UNREAD))
    } else {
        (Some(format!("ledgerline: {error:#}\n")), ExitCode::FAILURE)
    }
}
