//! Output of commands. `println!` panics if standard output is a pipe that its reader has closed;
//! [`print()`] returns that error, and text for standard error may get lost.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use tokio::task::JoinHandle;

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

/// Prints lines on standard output in a thread of its own: a pipe that is not read holds up nobody
/// who does not wait for the returned handle.
pub fn announce(lines: String) -> JoinHandle<io::Result<()>> {
    tokio::task::spawn_blocking(move || print(lines))
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
        (
            Some(format!("ledgerline: {}\n", sentence(error))),
            ExitCode::FAILURE,
        )
    }
}

/// An error with its causes, without those that its text has already.
fn sentence(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_the_error_names_is_not_repeated() {
        let denied = io::Error::from(ErrorKind::PermissionDenied);
        let named = anyhow::Error::new(denied).context("open x: permission denied");
        assert_eq!(sentence(&named), "open x: permission denied");
        assert_eq!(
            sentence(&named.context("LEDGERLINE_DATA_DIR")),
            "LEDGERLINE_DATA_DIR: open x: permission denied"
        );
    }
}
