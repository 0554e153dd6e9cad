//! Output of a run. Writing to a closed pipe is an error here, where `println!` panics.

use std::{
    fmt::Display,
    io::{self, Write},
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
