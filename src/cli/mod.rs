//! The command line.

mod campaign;
mod confined;
mod demo;
mod erase;
mod events;
mod openapi;
mod password;
mod prompt;
mod rebuild;
mod serve;
mod session;
mod sql;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    config::{self, Config, Sources},
    cryptography, output, telemetry,
};

/// A self-hosted, event-sourced unified-communications backend.
#[derive(Debug, Parser)]
#[command(name = "ledgerline", version)]
struct Cli {
    /// The file with the settings, instead of ledgerline.toml in this directory.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Send a first message through a running server and follow it to its report.
    ///
    /// It creates a contact, a template, a program and a transmission, which stay. With --smtp it
    /// also adds the mail server as a provider, and then switches off the sandboxes that could
    /// take the message instead; other providers stay as they are.
    Demo(demo::Demo),
    /// Follow a campaign of a running server.
    Campaign(campaign::Campaign),
    /// Show the log of a running server, as a table or as JSON lines.
    Events(events::Events),
    /// Print the API's description, OpenAPI 3.1, as GET /openapi.json answers it.
    Openapi,
    /// Open psql on a running server's database, as the read-only role ledgerline_reader.
    Sql(sql::Sql),
    /// Build read models anew, beside the running server.
    Rebuild(rebuild::Rebuild),
    /// Set a user's password, beside the running server, and end all tokens of the user.
    ///
    /// The password is asked for on a terminal; elsewhere it is the first line of standard input.
    Password(password::Password),
    /// Make the log's data of a contact unreadable, for ever.
    Erase(erase::Erase),
    /// Measure this machine and the product on it, in one run on a scratch database.
    Bench(bench::Bench),
    /// Become a program that converts, without network, other files and other processes.
    #[command(hide = true)]
    Confined(confined::Confined),
}

/// Runs the command that the command line names.
pub fn run() -> ExitCode {
    let command = Cli::command().after_long_help(config::settings_help());
    let cli = match Cli::from_arg_matches(&command.get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match start(cli) {
        Ok(code) => code,
        Err(error) => {
            let (sentence, code) = output::failure(&error);
            output::note(sentence.unwrap_or_default());
            code
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    // No setting matters to this command.
    if matches!(cli.command, Command::Openapi) {
        return openapi::print();
    }
    // Before there are settings, secrets among them, and threads.
    if let Command::Confined(confined) = cli.command {
        return Ok(confined.become_it());
    }
    cryptography::install()?;
    let mut config = Config::load(&Sources::of_process(cli.config.as_deref())?)?;
    if let Command::Serve(serve) = &cli.command {
        serve.apply(&mut config)?;
    }
    if let Command::Sql(sql) = cli.command {
        return sql.run(&config);
    }
    let log = telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        match cli.command {
            Command::Serve(serve) => serve.run(&config).await,
            Command::Demo(demo) => demo.run(&config).await,
            Command::Campaign(campaign) => campaign.run(&config).await,
            Command::Events(events) => events.run(&config).await,
            Command::Rebuild(rebuild) => rebuild.run(&config).await,
            Command::Password(password) => password.run(&config).await,
            Command::Erase(erase) => erase.run(&config).await,
            Command::Bench(bench) => bench.run().await,
            Command::Openapi | Command::Sql(_) | Command::Confined(_) => Ok(()),
        }
    });
    runtime.shutdown_background();
    // Standard error may be a pipe that is not read: the process waits for it no longer than for
    // the log.
    let (sentence, code) = match result {
        Ok(()) => (None, ExitCode::SUCCESS),
        Err(error) => output::failure(&error),
    };
    log.finish(sentence.as_deref());
    Ok(code)
}
