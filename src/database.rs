//! The Postgres server of this process: the given one, or an embedded one.

use std::str::FromStr;

use anyhow::Context;
use embedded_postgres::{EmbeddedConfig, EmbeddedPostgres};
use eventstore::{
    MasterKey, Store, StoreError,
    database::{connect, migrate, pool, tuned},
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{PgPool, postgres::PgConnectOptions};

use crate::config::{Config, Connections};

/// A database server in use.
#[derive(Debug)]
pub struct Database {
    /// The options for connecting to it.
    pub options: PgConnectOptions,
    /// The server, if it is embedded.
    embedded: Option<EmbeddedPostgres>,
}

impl Database {
    /// The given server, or the embedded one, started.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        if let Some(options) = given(config)? {
            return Ok(Self {
                options,
                embedded: None,
            });
        }
        let embedded = EmbeddedPostgres::start(EmbeddedConfig {
            data_dir: config.database.data_dir.clone(),
            bin_dir: config.database.postgres_bin.clone(),
            listen: config.database.postgres_listen,
        })
        .await?;
        if let Some(notice) = embedded.notice() {
            tracing::warn!("{notice}");
        }
        Ok(Self {
            options: embedded.connect_options(),
            embedded: Some(embedded),
        })
    }

    /// True if the server is embedded.
    pub fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// A pool of connections, on an up-to-date schema.
    pub async fn pool(&self, connections: u32) -> anyhow::Result<PgPool> {
        let pool = connect(self.options.clone(), connections).await;
        let pool = if self.is_embedded() {
            pool?
        } else {
            pool.context("LEDGERLINE_DATABASE_URL")?
        };
        migrate(&pool).await?;
        Ok(pool)
    }

    /// Sets the password of the role ledgerline_reader, with which analysts connect over TCP.
    pub async fn set_reader_password(pool: &PgPool, password: &SecretString) -> anyhow::Result<()> {
        // A utility statement takes no parameters; the server quotes the password.
        let sql: String = sqlx::query_scalar(
            "select format('alter role ledgerline_reader password %L', $1::text)",
        )
        .bind(password.expose_secret())
        .fetch_one(pool)
        .await?;
        sqlx::raw_sql(&sql).execute(pool).await?;
        Ok(())
    }

    /// A pool for reads, so that long lists do not hold up writers.
    pub fn readers(&self, connections: u32) -> PgPool {
        pool(connections).connect_lazy_with(tuned(self.options.clone()))
    }

    /// Stops the server, if it is embedded.
    pub async fn close(self) {
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// The options for connecting a command beside a running server: to the given database, or to the
/// embedded one that the server runs.
pub fn running(config: &Config) -> anyhow::Result<PgConnectOptions> {
    match given(config)? {
        Some(options) => Ok(options),
        None => {
            let located = EmbeddedPostgres::locate(&config.database.data_dir)?;
            Ok(located.connect_options())
        }
    }
}

/// The store of a running server's database, for commands beside it.
pub async fn store(config: &Config) -> anyhow::Result<Store> {
    let pool = connect(running(config)?, Connections::BESIDE).await?;
    open_store(config, pool, &config.master_key()?).await
}

/// Opens the store of a database with the master key.
///
/// # Errors
/// When the database does not answer; when the key is another one, with the place of the key.
pub async fn open_store(config: &Config, pool: PgPool, key: &MasterKey) -> anyhow::Result<Store> {
    match Store::open(pool, key).await {
        Err(error @ StoreError::OtherMasterKey) => Err(error).context(config.master_key_place()),
        opened => Ok(opened?),
    }
}

fn given(config: &Config) -> anyhow::Result<Option<PgConnectOptions>> {
    let Some(url) = &config.database.url else {
        return Ok(None);
    };
    // The parser's error would repeat the URL, and with it a password.
    let options = PgConnectOptions::from_str(url.expose_secret()).ok();
    options
        .context("LEDGERLINE_DATABASE_URL is not a postgres:// URL")
        .map(Some)
}
