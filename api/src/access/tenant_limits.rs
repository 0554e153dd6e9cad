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
    users: Places,
    accounts: Places,
}

/// The places for things of a kind.
#[derive(Clone, Copy, Default)]
struct Places {
    /// The most that there may be.
    limit: Option<u32>,
    /// Those there are; not counted without a limit.
    taken: u64,
}

impl Places {
    /// Refuses more newcomers than there are places.
    fn must_hold(self, newcomers: u64, what: &str) -> Result<()> {
        let Some(limit) = self.limit else {
            return Ok(());
        };
        if self.taken.saturating_add(newcomers) <= u64::from(limit) {
            return Ok(());
        }
        let reason = format!("the tenant may have {limit} {what}");
        Err(Error::NotReady(reason))
    }
}

impl Room<'_> {
    /// Refuses more new accounts than there is room for.
    pub fn must_hold_accounts(&self, newcomers: u64) -> Result<()> {
        if newcomers == 0 {
            return Ok(());
        }
        self.accounts.must_hold(newcomers, "accounts")
    }
}

impl App {
    /// Room for a newcomer within a tenant; refuses where the tenant has as many as it may have.
    pub(crate) async fn room_for(
        &self,
        newcomer: Newcomer,
        tenant: Id<Tenant>,
    ) -> Result<Room<'_>> {
        let room = self.room_in(tenant).await?;
        if newcomer == Newcomer::User {
            room.users.must_hold(1, "users")?;
        }
        room.must_hold_accounts(1)?;
        Ok(room)
    }

    /// The room within a tenant, however little there is.
    pub(crate) async fn room_in(&self, tenant: Id<Tenant>) -> Result<Room<'_>> {
        let mut room = Room {
            _lock: None,
            users: Places::default(),
            accounts: Places::default(),
        };
        if self.limits_of(tenant) == TenantLimits::default() {
            return Ok(room);
        }
        let name = LockName::TenantRoom(tenant.get());
        let busy = "too many users and accounts are created at once; try again";
        room._lock = Some(self.exclusive(self.rooms(), name, busy).await?);
        let limits = self.limits_of(tenant);
        (room.users.limit, room.accounts.limit) = (limits.users, limits.accounts);
        if limits.users.is_some() {
            room.users.taken = self.auth().access_cache.users_of(tenant) as u64;
        }
        if limits.accounts.is_some() {
            self.must_show_all(&[Account::TYPE]).await?;
            let accounts = tenants::accounts(self.pool(), tenant.get()).await?;
            room.accounts.taken = accounts.unsigned_abs();
        }
        Ok(room)
    }

    fn limits_of(&self, tenant: Id<Tenant>) -> TenantLimits {
        let tenant = self.auth().access_cache.tenant(tenant);
        tenant.map(|it| it.details().limits).unwrap_or_default()
    }
}
