//! Connecting to Postgres, and bringing its schema up to date.

use std::time::Duration;

use sqlx::{
    PgPool,
    migrate::{MigrateError, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
};
use thiserror::Error;

/// The oldest supported server version, in the form of `server_version_num`.
const OLDEST: i32 = 140_000;

/// The time after which a connection of a pool is closed when it is next returned, and opened
/// again only when one is needed: a pool hands out its connections in turn, so after a busy
/// moment a few polls a second would keep all of them from ever being idle.
const LIFETIME: Duration = Duration::from_secs(60);

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// An error that makes the database unusable.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// The server does not answer, or refuses the connection.
    #[error("the database cannot be reached: {0}")]
    Unreachable(#[from] sqlx::Error),
    /// The server is too old.
    #[error("the database is PostgreSQL {0}; 14 or newer is needed")]
    TooOld(i32),
    /// The schema could not be brought up to date.
    #[error("the database could not be migrated: {0}")]
    Migration(#[from] MigrateError),
}

/// Connects, with the time-outs that keep one stalled client from blocking all others.
///
/// # Errors
/// When the server does not answer or is too old.
pub async fn connect(options: PgConnectOptions, connections: u32) -> Result<PgPool, DatabaseError> {
    let pool = pool(connections).connect_with(tuned(options)).await?;
    let version: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int")
        .fetch_one(&pool)
        .await?;
    if version < OLDEST {
        return Err(DatabaseError::TooOld(version / 10_000));
    }
    Ok(pool)
}

/// The options of a pool of at most this many connections.
pub fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .max_lifetime(LIFETIME)
        // A connection that died shows itself on use; asking first would double
        // the round trips of every query.
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(10))
}

/// Adds the session settings that every connection has.
pub fn tuned(options: PgConnectOptions) -> PgConnectOptions {
    options.application_name("ledgerline").options([
        ("lock_timeout", "12s"),
        ("idle_in_transaction_session_timeout", "10s"),
        ("client_min_messages", "warning"),
    ])
}

/// Brings the schema up to date. Several processes may try at once: one does it,
/// the others wait.
///
/// # Errors
/// When a migration fails, or the database was migrated by a newer program.
pub async fn migrate(pool: &PgPool) -> Result<(), DatabaseError> {
    Ok(MIGRATIONS.run(pool).await?)
}
