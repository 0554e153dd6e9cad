//! Ledgerline: the program. Wiring only: settings, the command line, the listeners, and which parts
//! of the workspace a process runs.
//!
//! To add a setting: a line in `config/settings.rs`, and its field in the section of `config` that
//! has it. To add a command: a file in `cli`, and a variant in `cli/mod.rs`. To add a subscriber of the
//! log: a line in `server/core.rs`.

// These macros panic if a pipe was closed; `output` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod config;
mod cryptography;
mod database;
mod http;
mod identity;
mod inbound_mail;
mod output;
mod server;
mod telemetry;

/// Returns freed memory to the system. The system's allocator keeps the 19 MiB of a password hash
/// for every thread that ever made one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
