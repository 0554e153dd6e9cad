//! The access cache: this process's cache of users, roles, permissions and revoked sessions, a moment
//! behind the log. A user who is not active holds nothing.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use domain::{
    Id, Tenants,
    access::{Permission, Role, Tenant, User, vocabulary},
};
use eventstore::{
    Log, Position, Recorded, StoreError,
    subscriber::{Observer, observe, read_on},
};
use tokio::{sync::watch, time::Instant};

use super::{
    Proof,
    access_cache_state::{State, TYPES},
};
use crate::{Error, Result};

/// The greatest age of the cache at which it still decides.
const FRESH: Duration = Duration::from_secs(1);
/// Time limit of waiting for the cache to be as fresh as that.
const FRESH_WITHIN: Duration = Duration::from_secs(10);
/// The pauses between looks at the age of the cache.
const LOOK: Duration = Duration::from_millis(50);

/// The cache of users, roles, permissions and revoked sessions. Clones share it.
#[derive(Clone)]
pub(crate) struct AccessCache {
    log: Log,
    state: Arc<RwLock<State>>,
    /// The position reached, and the last time at which that was the whole log.
    progress: watch::Receiver<Progress>,
}

#[derive(Clone, Copy, Debug)]
struct Progress {
    position: Position,
    complete_at: Instant,
}

impl AccessCache {
    /// Reads the events there are, then follows the log.
    pub async fn start(log: Log) -> Result<Self, StoreError> {
        let complete_at = Instant::now();
        let state = Arc::<RwLock<State>>::default();
        let (sender, progress) = watch::channel(Progress {
            position: 0,
            complete_at,
        });
        let mut following = Following {
            state: Arc::clone(&state),
            progress: sender,
        };
        let position = read_on(&log, &mut following).await?;
        following.reached(position, Some(complete_at));
        // Some events beyond the position may have been read already; every aggregate skips those
        // that it has applied.
        tokio::spawn(observe(log.clone(), position, following));
        Ok(Self {
            log,
            state,
            progress,
        })
    }

    /// Refuses when a revocation of more than a second ago could have been missed.
    pub fn check_fresh(&self) -> Result<()> {
        let progress = *self.progress.borrow();
        // In this order, so that the head is at least as new as the look at the log.
        let seen_at = self.log.seen_at();
        let complete_at = if progress.position >= self.log.head() {
            seen_at
        } else {
            progress.complete_at
        };
        if complete_at.elapsed() > FRESH {
            return Err(Error::Unavailable("the log cannot be seen; try again"));
        }
        Ok(())
    }

    /// Waits until the cache is fresh enough to decide.
    pub async fn fresh(&self) -> Result<()> {
        let give_up = Instant::now() + FRESH_WITHIN;
        loop {
            match self.check_fresh() {
                Err(_) if Instant::now() < give_up => tokio::time::sleep(LOOK).await,
                checked => return checked,
            }
        }
    }

    /// Waits until this position has been applied; false if that takes longer than `limit`.
    pub async fn reaches(&self, position: Position, limit: Duration) -> bool {
        let mut progress = self.progress.clone();
        let reached = progress.wait_for(|progress| progress.position >= position);
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }

    /// Reads the state under the lock. `look` must be short.
    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        // A panic elsewhere cannot have left the state half changed: events apply or not.
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The user who logs in under this name or address.
    pub fn login(&self, login: &str) -> Option<(Id<User>, User)> {
        self.look(|state| {
            let id = state.login(&login.trim().to_lowercase())?;
            Some((id, state.user(id)?.clone()))
        })
    }

    /// A user that exists.
    pub fn user(&self, id: Id<User>) -> Option<User> {
        self.look(|state| state.user(id).cloned())
    }

    /// True if this proof is valid: the user is active, has the same password as then, and has not
    /// revoked the token.
    pub fn accepts(&self, proof: &Proof) -> bool {
        self.look(|state| {
            let user = state.active(proof.user);
            let is_revoked = |(session, _)| state.is_revoked(session);
            user.is_some_and(|user| user.token_epoch() == proof.epoch)
                && !proof.session.is_some_and(is_revoked)
        })
    }

    /// True if the user may do within this tenant what the permission allows.
    pub fn may_in(&self, user: Id<User>, tenant: Id<Tenant>, wanted: &str) -> bool {
        self.look(|state| {
            let user = state.active(user);
            user.is_some_and(|user| state.may_in(user, tenant, wanted))
        })
    }

    /// The tenants within which the user holds this permission, or one that includes it.
    pub fn tenants_where(&self, user: Id<User>, wanted: &str) -> Tenants {
        self.look(|state| {
            let user = state.active(user);
            user.map(|user| state.tenants_where(user, wanted))
                .unwrap_or_default()
        })
    }

    /// The tenants that the user is assigned to; none for one who is not active.
    pub fn tenants_of(&self, user: Id<User>) -> Tenants {
        self.look(|state| {
            let user = state.active(user);
            user.map(|user| user.rights().keys().copied().collect())
                .unwrap_or_default()
        })
    }

    /// True if the user administers the installation.
    pub fn is_installation_admin(&self, user: Id<User>) -> bool {
        self.look(|state| {
            let user = state.active(user);
            user.is_some_and(|user| state.is_installation_admin(user))
        })
    }

    /// A tenant that exists.
    pub fn tenant(&self, id: Id<Tenant>) -> Option<Tenant> {
        self.look(|state| state.tenant(id).cloned())
    }

    /// The tenant that has this address, in normal form, among its numbers or in its mail domains.
    pub fn tenant_with(&self, address: &str) -> Option<Id<Tenant>> {
        self.look(|state| state.tenant_with(address))
    }

    /// The tenant with this code, in any case of its letters.
    pub fn tenant_coded(&self, code: &str) -> Option<Id<Tenant>> {
        self.look(|state| state.tenant_coded(code))
    }

    /// The tenant, if there is one only.
    pub fn only_tenant(&self) -> Option<Id<Tenant>> {
        self.look(State::only_tenant)
    }

    /// True if there is one tenant only.
    pub fn has_one_tenant(&self) -> bool {
        self.look(State::has_one_tenant)
    }

    /// The number of users whose home this tenant is.
    pub fn users_of(&self, tenant: Id<Tenant>) -> usize {
        self.look(|state| state.users_of(tenant))
    }

    /// True if any user is assigned to this tenant.
    pub fn has_users_in(&self, tenant: Id<Tenant>) -> bool {
        self.look(|state| state.has_users_in(tenant))
    }

    /// True if the user has role admin.
    pub fn is_admin(&self, user: Id<User>) -> bool {
        self.look(|state| {
            let admin = state.role_named(vocabulary::ADMIN);
            let user = state.user(user);
            admin.is_some_and(|admin| user.is_some_and(|user| user.roles().any(|it| it == admin)))
        })
    }

    /// True if the user may grant this permission within a tenant; `None` if there is no such
    /// permission.
    pub fn may_grant(
        &self,
        user: Id<User>,
        tenant: Id<Tenant>,
        permission: Id<Permission>,
    ) -> Option<bool> {
        self.look(|state| {
            state.permission(permission)?;
            Some(
                state
                    .active(user)
                    .is_some_and(|user| state.covers(user, tenant, permission)),
            )
        })
    }

    /// True if the user may give this role within a tenant; `None` if there is no such role or
    /// user.
    pub fn may_give(&self, user: Id<User>, tenant: Id<Tenant>, role: Id<Role>) -> Option<bool> {
        self.look(|state| {
            let mut permissions = state.role(role)?.permissions().iter();
            let user = state.active(user)?;
            Some(permissions.all(|permission| state.covers(user, tenant, *permission)))
        })
    }

    /// The role whose name looks like this one.
    pub fn role_like(&self, name: &str) -> Option<Id<Role>> {
        self.look(|state| state.role_like(name))
    }

    /// True if the user may do all that each holder of this role may.
    pub fn outranks_holders(&self, user: Id<User>, role: Id<Role>) -> bool {
        self.look(|state| {
            let user = state.active(user);
            user.is_some_and(|user| state.outranks_holders(user, role))
        })
    }

    /// True if the user may do all that the other one may, or if the other does not exist.
    pub fn outranks(&self, user: Id<User>, other: Id<User>) -> bool {
        self.look(|state| match (state.active(user), state.user(other)) {
            (Some(user), Some(other)) => state.outranks(user, other),
            (None, Some(_)) => false,
            (_, None) => true,
        })
    }

    /// True if the user may do within this tenant all that the other one may there, or if the other
    /// does not exist.
    pub fn outranks_in(&self, user: Id<User>, other: Id<User>, tenant: Id<Tenant>) -> bool {
        self.look(|state| match (state.active(user), state.user(other)) {
            (Some(user), Some(other)) => state.outranks_in(user, other, tenant),
            (None, Some(_)) => false,
            (_, None) => true,
        })
    }

    /// True if an active user other than this one has role admin.
    pub fn has_administrator_beside(&self, user: Id<User>) -> bool {
        self.look(|state| {
            let admin = state.role_named(vocabulary::ADMIN);
            admin.is_some_and(|admin| state.is_held_beside(admin, user))
        })
    }

    /// True if any user has this role.
    pub fn is_held(&self, role: Id<Role>) -> bool {
        self.look(|state| state.is_held(role))
    }

    /// True if there is any user.
    pub fn has_users(&self) -> bool {
        self.look(State::has_users)
    }

    /// The role of this name, with its permissions.
    pub fn role_named(&self, name: &str) -> Option<(Id<Role>, Role)> {
        self.look(|state| {
            let id = state.role_named(name)?;
            Some((id, state.role(id)?.clone()))
        })
    }

    /// The name of a role.
    pub fn role_name(&self, role: Id<Role>) -> Option<String> {
        self.look(|state| state.role(role)?.name().map(str::to_owned))
    }

    /// The permission of this name.
    pub fn permission_named(&self, name: &str) -> Option<Id<Permission>> {
        self.look(|state| state.permissions().get(name).copied())
    }
}

/// Keeps the cache up to date.
struct Following {
    state: Arc<RwLock<State>>,
    progress: watch::Sender<Progress>,
}

#[async_trait]
impl Observer for Following {
    fn name(&self) -> &'static str {
        "access"
    }

    fn needs(&self) -> &'static [&'static str] {
        &TYPES
    }

    /// Access decisions depend on every event: requests are refused from one on that cannot be
    /// read, until it can.
    async fn observe(&mut self, events: &[Arc<Recorded>]) -> Result<(), StoreError> {
        if let Some(poison) = events.iter().find(|one| one.event.unreadable().is_some()) {
            return Err(unreadable(poison));
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        events.iter().for_each(|event| state.apply(event));
        Ok(())
    }

    fn reached(&mut self, position: Position, complete_at: Option<Instant>) {
        self.progress.send_modify(|progress| {
            progress.position = position;
            if let Some(at) = complete_at {
                progress.complete_at = progress.complete_at.max(at);
            }
        });
    }
}

fn unreadable(recorded: &Recorded) -> StoreError {
    StoreError::Unreadable {
        aggregate_type: recorded.aggregate_type.clone(),
        aggregate_id: recorded.aggregate_id.to_string(),
        sequence: recorded.sequence,
        event_type: recorded.event_type.clone(),
        reason: recorded.event.unreadable().unwrap_or_default().to_owned(),
    }
}
