//! A Postgres for one test.

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use embedded_postgres::{EmbeddedConfig, EmbeddedPostgres};
use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;

/// A server with an empty database in a directory of its own, which is removed with it.
pub struct ScratchPostgres {
    // Dropped in order: the server before its directory.
    postgres: EmbeddedPostgres,
    _dir: TempDir,
}

impl ScratchPostgres {
    /// Starts a server.
    pub async fn start() -> Self {
        // Open to the user that Postgres runs as if the tests run as root.
        let dir = tempfile::Builder::new()
            .prefix("ledgerline-scratch-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .unwrap();
        let config = EmbeddedConfig {
            data_dir: dir.path().join("data"),
            bin_dir: None,
            listen: None,
        };
        let postgres = EmbeddedPostgres::start(config).await.unwrap();
        Self {
            postgres,
            _dir: dir,
        }
    }

    /// Options to connect to the database as the superuser.
    pub fn connect_options(&self) -> PgConnectOptions {
        self.postgres.connect_options()
    }

    /// Stops the server and removes its directory.
    pub async fn stop(self) {
        self.postgres.stop().await;
    }
}
