//! `ledgerline openapi`

use std::process::ExitCode;

use crate::output;

/// Prints the API's description.
pub fn print() -> anyhow::Result<ExitCode> {
    let text = serde_json::to_string_pretty(&api::openapi())?;
    output::print(text)?;
    Ok(ExitCode::SUCCESS)
}
