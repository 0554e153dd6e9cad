//! The lock on rights: one change at a time, over all processes, where a decision about a user or
//! role depends on the rights that others hold.
//!
//! Two administrators who remove each other would each see that the other one is left. So a request
//! that takes a right away, or gives a role that may be about to be deleted, takes a lock in this
//! process, then a lock in the database, then reads all events up to that moment. The next holder
//! sees the events of this one.

use std::time::Duration;

use eventstore::LockName;
use sqlx::{Postgres, Transaction};
use tokio::sync::MutexGuard;

use crate::{App, Error, Result};

/// Time limit for the lock, and then for the log.
const TIMEOUT: Duration = Duration::from_secs(10);
const BUSY: Error = Error::Unavailable("too many changes of rights at once; try again");

/// The lock on rights, held until it is dropped.
pub(crate) struct RightsLock<'a> {
    // Dropped in this order: the next request in this process does not occupy a connection while
    // another one holds the lock in the database.
    _everywhere: Transaction<'static, Postgres>,
    _here: MutexGuard<'a, ()>,
}

impl App {
    /// Takes the lock on rights, and waits until this process knows all that was written
    /// before.
    pub(crate) async fn lock_rights(&self) -> Result<RightsLock<'_>> {
        let here = tokio::time::timeout(TIMEOUT, self.rights().lock());
        let here = here.await.map_err(|_| BUSY)?;
        let mut everywhere = self.pool().begin().await?;
        sqlx::query("select set_config('lock_timeout', $1, true)")
            .bind(format!("{}s", TIMEOUT.as_secs()))
            .execute(&mut *everywhere)
            .await?;
        let locked = LockName::Rights.lock_in_transaction(&mut everywhere);
        locked.await.map_err(|error| match error {
            sqlx::Error::Database(_) => BUSY,
            error => error.into(),
        })?;
        let head = self.commands().store().log().fresh_head().await?;
        if !self.auth().access_cache.reaches(head, TIMEOUT).await {
            return Err(Error::Unavailable("the log cannot be followed; try again"));
        }
        Ok(RightsLock {
            _everywhere: everywhere,
            _here: here,
        })
    }
}
