//! `ledgerline sql`

use std::{os::unix::process::CommandExt, process::ExitCode};

use anyhow::Context;
use clap::Args;
use embedded_postgres::EmbeddedPostgres;

use crate::config::Config;

/// The database role of analysts, who can read schema `read` and nothing else.
const READER: &str = "ledgerline_reader";

/// Open psql on a running server's database.
#[derive(Debug, Args)]
pub struct Sql {
    /// Arguments of psql, for instance -c 'select * from read.contacts'.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl Sql {
    /// Becomes psql.
    pub fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        if config.database.url.is_some() {
            anyhow::bail!(
                "LEDGERLINE_DATABASE_URL is set: connect to that server with psql as the role {READER}"
            );
        }
        let located = EmbeddedPostgres::locate(&config.database.data_dir)?;
        let mut psql = located.psql_command(READER);
        psql.env("PGOPTIONS", "-c search_path=read");
        Err(psql.args(self.arguments).exec()).context("psql cannot be started")
    }
}
