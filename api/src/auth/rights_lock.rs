//! The lock on rights: one change at a time, over all processes, where a decision about a user or
//! role depends on the rights that others hold.
//!
//! Two administrators who remove each other would each see that the other one is left. So a request
//! that takes a right away, or gives a role that may be about to be deleted, takes the lock and
//! then reads all events up to that moment. The next holder sees the events of this one.

use eventstore::LockName;

use crate::{App, Result, exclusive::Exclusive};

/// The lock on rights, held until it is dropped.
pub(crate) struct RightsLock<'a> {
    _lock: Exclusive<'a>,
}

impl App {
    /// Takes the lock on rights, and waits until this process knows all that was written
    /// before.
    pub(crate) async fn lock_rights(&self) -> Result<RightsLock<'_>> {
        let busy = "too many changes of rights at once; try again";
        let lock = self.exclusive(self.rights(), LockName::Rights, busy);
        let _lock = lock.await?;
        Ok(RightsLock { _lock })
    }
}
