//! Ledgerline: the program. Wiring only: settings, the command line, and which
//! parts of the workspace a process runs.

mod cli;
mod config;
mod database;
mod server;
mod telemetry;

fn main() -> std::process::ExitCode {
    cli::run()
}
