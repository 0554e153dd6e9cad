//! `ledgerline openapi`

use std::{io::Write, process::ExitCode};

/// Prints the API's description.
pub fn print() -> anyhow::Result<ExitCode> {
    let text = serde_json::to_string_pretty(&api::openapi())?;
    // A pager that was closed early is no failure.
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
