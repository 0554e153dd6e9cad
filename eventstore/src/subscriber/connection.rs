//! The connection of a lane.

use std::sync::Arc;

use sqlx::{
    Connection as _, Executor as _, PgConnection,
    postgres::{PgConnectOptions, PgPool},
};

/// Capacity of the cache of prepared statements: enough for all subscribers of a lane.
const STATEMENTS: usize = 512;

/// Settings that force index scans, because a subscriber finds all rows by a key: a plan that was
/// made and kept while a table was small would read all of it once it is large.
pub const FIND_BY_KEY: &str =
    "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off";

/// A connection that is opened on first use and after every loss.
pub(super) struct LaneConnection {
    options: PgConnectOptions,
    open: Option<PgConnection>,
}

impl LaneConnection {
    pub fn new(pool: &PgPool) -> Self {
        let options = Arc::unwrap_or_clone(pool.connect_options())
            .application_name("ledgerline subscribers")
            .statement_cache_capacity(STATEMENTS);
        Self {
            options,
            open: None,
        }
    }

    pub async fn get(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        let db = match self.open.take() {
            Some(db) => db,
            None => self.connect().await?,
        };
        Ok(self.open.insert(db))
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let mut db = PgConnection::connect_with(&self.options).await?;
        db.execute(&*format!(
            "set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '30s'; {FIND_BY_KEY}"
        ))
        .await?;
        Ok(db)
    }

    /// Ends a transaction that failed; without an answer the connection is given up.
    pub async fn recover(&mut self) {
        if let Some(db) = &mut self.open
            && db.execute("rollback").await.is_err()
        {
            self.open = None;
        }
    }

    /// Gives the connection up, in whatever state it is.
    pub fn abandon(&mut self) {
        self.open = None;
    }

    pub async fn close(&mut self) {
        if let Some(db) = self.open.take() {
            // The connection ends even if this fails.
            let _ = db.close().await;
        }
    }
}
