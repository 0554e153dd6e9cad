//! Requests that exclude each other, over all processes: first in this process, so that only one
//! of them occupies a connection while another one holds the lock in the database.

use std::time::Duration;

use eventstore::LockName;
use sqlx::{Postgres, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use crate::{App, Error, Result};

/// Time limit for the lock, and then for the log.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// A lock that is held until it is dropped.
pub(crate) struct Exclusive<'a> {
    // Dropped in this order, so that the next request in this process finds the lock free.
    _everywhere: Transaction<'static, Postgres>,
    _here: MutexGuard<'a, ()>,
}

impl App {
    /// Takes a lock in this process and then the one of this name in the database, and waits until
    /// this process knows all users, roles and tenants that were written before. `busy` is the
    /// answer when others hold it for too long.
    pub(crate) async fn exclusive<'a>(
        &self,
        here: &'a Mutex<()>,
        name: LockName<'static>,
        busy: &'static str,
    ) -> Result<Exclusive<'a>> {
        let busy = || Error::Unavailable(busy);
        let here = tokio::time::timeout(TIMEOUT, here.lock());
        let here = here.await.map_err(|_| busy())?;
        let mut everywhere = self.pool().begin().await?;
        sqlx::query("select set_config('lock_timeout', $1, true)")
            .bind(format!("{}s", TIMEOUT.as_secs()))
            .execute(&mut *everywhere)
            .await?;
        let locked = name.lock_in_transaction(&mut everywhere);
        locked.await.map_err(|error| match error {
            sqlx::Error::Database(_) => busy(),
            error => error.into(),
        })?;
        let head = self.commands().store().log().fresh_head().await?;
        if !self.auth().access_cache.reaches(head, TIMEOUT).await {
            return Err(Error::Unavailable("the log cannot be followed; try again"));
        }
        Ok(Exclusive {
            _everywhere: everywhere,
            _here: here,
        })
    }

    /// Waits until the read models of these kinds show all that was written before; refuses to
    /// answer by what they do not show.
    pub(crate) async fn must_show_all(&self, kinds: &[&str]) -> Result<()> {
        let head = self.commands().store().log().fresh_head().await?;
        for kind in kinds {
            if !self.high_water_marks().reaches(kind, head, TIMEOUT).await {
                return Err(Error::Unavailable("the lists are behind; try again"));
            }
        }
        Ok(())
    }
}
