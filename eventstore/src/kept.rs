//! A connection of a pool that stays with its user from one statement to the next.

use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};

/// A connection, acquired when it is first needed and again after every error; the pool tests
/// the connections that are returned to it.
pub(crate) struct Kept {
    pool: PgPool,
    db: Option<PoolConnection<Postgres>>,
}

impl Kept {
    pub fn new(pool: PgPool) -> Self {
        Self { pool, db: None }
    }

    pub async fn get(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        let db = match self.db.take() {
            Some(db) => db,
            None => self.pool.acquire().await?,
        };
        Ok(self.db.insert(db))
    }

    /// Passes a result on; after an error the connection is not used again.
    pub fn checked<T, E>(&mut self, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() {
            self.db = None;
        }
        result
    }
}
