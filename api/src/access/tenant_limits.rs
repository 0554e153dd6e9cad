//! The limits of a tenant on its users and accounts.
//!
//! What a tenant has is counted under a lock that is held until the newcomer is on record, so that
//! requests at the same moment do not pass a limit together. Tenants without limits are not locked.

use cqrs_es::Aggregate as _;
use domain::{
    Id,
    access::{Tenant, TenantLimits},
    people::Account,
};
use eventstore::LockName;
use projections::access::tenants;

use crate::{App, Error, Result, exclusive::Exclusive};

/// The kinds of things that tenants limit, as a request creates one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Newcomer {
    /// A user, with an account.
    User,
    /// An account.
    Account,
}

/// Room within a tenant for what is created while it is held.
#[must_use]
pub(crate) struct Room<'a> {
    _lock: Option<Exclusive<'a>>,
}

impl App {
    /// Room for a newcomer within a tenant; refuses where the tenant has as many as it may have.
    pub(crate) async fn room_for(
        &self,
        newcomer: Newcomer,
        tenant: Id<Tenant>,
    ) -> Result<Room<'_>> {
        if self.limits_of(tenant) == TenantLimits::default() {
            return Ok(Room { _lock: None });
        }
        let name = LockName::TenantRoom(tenant.get());
        let busy = "too many users and accounts are created at once; try again";
        let lock = self.exclusive(self.rooms(), name, busy).await?;
        let limits = self.limits_of(tenant);
        if let (Newcomer::User, Some(limit)) = (newcomer, limits.users) {
            let users = self.auth().access_cache.users_of(tenant);
            must_be_below(limit, users as u64, "users")?;
        }
        if let Some(limit) = limits.accounts {
            self.must_show_all(&[Account::TYPE]).await?;
            let accounts = tenants::accounts(self.pool(), tenant.get()).await?;
            must_be_below(limit, accounts.unsigned_abs(), "accounts")?;
        }
        Ok(Room { _lock: Some(lock) })
    }

    fn limits_of(&self, tenant: Id<Tenant>) -> TenantLimits {
        let tenant = self.auth().access_cache.tenant(tenant);
        tenant.map(|it| it.details().limits).unwrap_or_default()
    }
}

fn must_be_below(limit: u32, present: u64, what: &str) -> Result<()> {
    if present < u64::from(limit) {
        return Ok(());
    }
    let reason = format!("the tenant may have {limit} {what}");
    Err(Error::NotReady(reason))
}
