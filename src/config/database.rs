//! Settings of the connection to Postgres.

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;

use super::{connections::Connections, error::ConfigError, values::Values};

/// The database.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// `LEDGERLINE_DATABASE_URL` (none: the embedded Postgres)
    pub url: Option<SecretString>,
    /// `LEDGERLINE_DATA_DIR` (./var)
    pub data_dir: PathBuf,
    /// `LEDGERLINE_POSTGRES_BIN` (none: looked for)
    pub postgres_bin: Option<PathBuf>,
    /// `LEDGERLINE_POSTGRES_LISTEN` (none: no TCP)
    pub postgres_listen: Option<SocketAddr>,
    /// `LEDGERLINE_READER_PASSWORD` (none: left as it is)
    pub reader_password: Option<SecretString>,
    /// `LEDGERLINE_POSTGRES_CONNECTIONS` (32)
    pub connections: u32,
}

impl DatabaseConfig {
    pub(super) fn load(values: &Values) -> Result<Self, ConfigError> {
        let url = values.text("LEDGERLINE_DATABASE_URL");
        let is_postgres = |url: &str| {
            ["postgres://", "postgresql://"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
                && PgConnectOptions::from_str(url).is_ok()
        };
        if url.is_some_and(|url| !is_postgres(url)) {
            return Err(values.wrong(
                "LEDGERLINE_DATABASE_URL",
                "a URL as in postgres://user:password@host:5432/database",
            ));
        }
        let loopback = "a loopback address and a port, as in 127.0.0.1:5433";
        let postgres_listen: Option<SocketAddr> =
            values.optional("LEDGERLINE_POSTGRES_LISTEN", loopback)?;
        if postgres_listen.is_some_and(|address| !address.ip().is_loopback() || address.port() == 0)
        {
            return Err(values.wrong("LEDGERLINE_POSTGRES_LISTEN", loopback));
        }
        Ok(Self {
            url: values.secret("LEDGERLINE_DATABASE_URL"),
            data_dir: values.value("LEDGERLINE_DATA_DIR", "a directory")?,
            postgres_bin: values.path("LEDGERLINE_POSTGRES_BIN"),
            postgres_listen,
            reader_password: values.secret("LEDGERLINE_READER_PASSWORD"),
            connections: values
                .within("LEDGERLINE_POSTGRES_CONNECTIONS", Connections::LEAST..=500)?,
        })
    }
}
