//! Users, tenants, roles, permissions and revoked sessions, folded from their events.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    Entity, Event, Id, Tenants,
    access::{
        Permission, PermissionEvent, Rights, Role, Session, SessionEvent, Tenant, User,
        folded_role_name, vocabulary,
    },
};
use eventstore::Recorded;

/// The aggregate types that are followed.
pub(super) const TYPES: [&str; 5] = [
    User::TYPE,
    Tenant::TYPE,
    Role::TYPE,
    Permission::TYPE,
    Session::TYPE,
];

/// The number of revoked sessions beyond which the expired ones are swept out.
const SWEEP_AT: usize = 1_024;

/// An aggregate, folded from the events seen so far.
#[derive(Clone, Default)]
struct Folded<A> {
    version: u64,
    state: A,
}

#[derive(Default)]
pub(super) struct State {
    users: HashMap<Id<User>, Folded<User>>,
    logins: HashMap<String, Id<User>>,
    tenants: HashMap<Id<Tenant>, Folded<Tenant>>,
    roles: HashMap<Id<Role>, Folded<Role>>,
    permissions: HashMap<Id<Permission>, String>,
    by_name: HashMap<String, Id<Permission>>,
    revoked: HashMap<Id<Session>, DateTime<Utc>>,
    sweep_at: usize,
}

impl State {
    /// Applies one event. An event that was applied before changes nothing.
    pub fn apply(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::User(event) => {
                let id = recorded.id();
                let before = self.users.get(&id).map(|user| user.state.claims());
                let user = self.users.entry(id).or_default();
                if !user.advance(recorded.sequence, event.clone()) {
                    return;
                }
                let after = user.state.claims();
                for claim in before.into_iter().flatten() {
                    self.logins.remove(&claim.value);
                }
                self.logins
                    .extend(after.into_iter().map(|claim| (claim.value, id)));
            }
            Event::Tenant(event) => {
                let tenant = self.tenants.entry(recorded.id()).or_default();
                tenant.advance(recorded.sequence, event.clone());
            }
            Event::Role(event) => {
                let role = self.roles.entry(recorded.id()).or_default();
                role.advance(recorded.sequence, event.clone());
            }
            Event::Permission(PermissionEvent::PermissionCreated { id, name, .. }) => {
                self.permissions.insert(*id, name.to_string());
                self.by_name.insert(name.to_string(), *id);
            }
            Event::Session(SessionEvent::SessionRevoked { expires_at, .. }) => {
                self.revoked.insert(recorded.id(), *expires_at);
                self.sweep(recorded.occurred_at);
            }
            _ => {}
        }
    }

    fn sweep(&mut self, now: DateTime<Utc>) {
        if self.revoked.len() > self.sweep_at.max(SWEEP_AT) {
            self.revoked.retain(|_, expires_at| *expires_at > now);
            self.sweep_at = self.revoked.len() * 2;
        }
    }

    /// The user who logs in under this name or address.
    pub fn login(&self, login: &str) -> Option<Id<User>> {
        self.logins.get(login).copied()
    }

    /// A user that exists.
    pub fn user(&self, id: Id<User>) -> Option<&User> {
        let user = self.users.get(&id).map(|user| &user.state);
        user.filter(|user| user.exists())
    }

    /// A user who may log in. Only such a user holds any rights.
    pub fn active(&self, id: Id<User>) -> Option<&User> {
        self.user(id).filter(|user| user.is_active())
    }

    /// A role that exists.
    pub fn role(&self, id: Id<Role>) -> Option<&Role> {
        let role = self.roles.get(&id).map(|role| &role.state);
        role.filter(|role| role.exists())
    }

    /// The role of this name.
    pub fn role_named(&self, name: &str) -> Option<Id<Role>> {
        let named =
            |(_, role): &(_, &Folded<Role>)| role.state.exists() && role.state.name() == Some(name);
        self.roles.iter().find(named).map(|(id, _)| *id)
    }

    /// The role whose name is the same as this one once both are folded.
    pub fn role_like(&self, name: &str) -> Option<Id<Role>> {
        let folded = folded_role_name(name);
        let mut roles = self.roles.iter().filter(|(_, role)| role.state.exists());
        let like =
            roles.find(|(_, role)| role.state.name().map(folded_role_name) == Some(folded.clone()));
        like.map(|(id, _)| *id)
    }

    /// A permission's name.
    pub fn permission(&self, id: Id<Permission>) -> Option<&str> {
        self.permissions.get(&id).map(String::as_str)
    }

    /// All permissions, by name.
    pub fn permissions(&self) -> &HashMap<String, Id<Permission>> {
        &self.by_name
    }

    /// True if the session was revoked before it expired.
    pub fn is_revoked(&self, session: Id<Session>) -> bool {
        self.revoked.contains_key(&session)
    }

    /// True if any user has this role, within any tenant.
    pub fn is_held(&self, role: Id<Role>) -> bool {
        let holds = |user: &User| user.exists() && user.roles().any(|one| one == role);
        self.users.values().any(|user| holds(&user.state))
    }

    /// True if an active user other than this one has this role.
    pub fn is_held_beside(&self, role: Id<Role>, user: Id<User>) -> bool {
        let mut others = self.users.iter().filter(|(id, _)| **id != user);
        let holds = |user: &User| user.is_active() && user.roles().any(|one| one == role);
        others.any(|(_, other)| holds(&other.state))
    }

    /// A tenant that exists.
    pub fn tenant(&self, id: Id<Tenant>) -> Option<&Tenant> {
        let tenant = self.tenants.get(&id).map(|tenant| &tenant.state);
        tenant.filter(|tenant| tenant.exists())
    }

    /// The tenant that has this address, in normal form, among its numbers or in its mail domains.
    pub fn tenant_with(&self, address: &str) -> Option<Id<Tenant>> {
        let mut tenants = self.tenants.iter();
        let has = |tenant: &Tenant| tenant.exists() && tenant.has_address(address);
        tenants
            .find(|(_, tenant)| has(&tenant.state))
            .map(|(id, _)| *id)
    }

    /// The tenant with this code, in any case of its letters.
    pub fn tenant_coded(&self, code: &str) -> Option<Id<Tenant>> {
        let code = code.trim().to_lowercase();
        let is_it = |tenant: &Tenant| tenant.details().code.to_lowercase() == code;
        let mut live = self.live_tenants();
        live.find(|(_, tenant)| is_it(tenant)).map(|(id, _)| id)
    }

    /// The tenant, if there is one only.
    pub fn only_tenant(&self) -> Option<Id<Tenant>> {
        let mut live = self.live_tenants().map(|(id, _)| id);
        live.next().filter(|_| live.next().is_none())
    }

    /// True if there is one tenant only.
    pub fn has_one_tenant(&self) -> bool {
        self.live_tenants().count() <= 1
    }

    fn live_tenants(&self) -> impl Iterator<Item = (Id<Tenant>, &Tenant)> {
        let all = self.tenants.iter().map(|(id, it)| (*id, &it.state));
        all.filter(|(_, tenant)| tenant.exists())
    }

    /// The number of users whose home this tenant is.
    pub fn users_of(&self, tenant: Id<Tenant>) -> usize {
        let users = self.users.values().map(|user| &user.state);
        users
            .filter(|user| user.exists() && user.home() == tenant)
            .count()
    }

    /// True if any user is assigned to this tenant.
    pub fn has_users_in(&self, tenant: Id<Tenant>) -> bool {
        let mut users = self.users.values().map(|user| &user.state);
        users.any(|user| user.exists() && user.rights_in(tenant).is_some())
    }

    /// True if there is any user at all.
    pub fn has_users(&self) -> bool {
        self.users.values().any(|user| user.state.exists())
    }

    /// True if the user administers the installation: the rights that they have within any tenant
    /// reach all of them.
    pub fn is_installation_admin(&self, user: &User) -> bool {
        let mut rights = user.rights().values();
        rights.any(|rights| self.allows(rights, vocabulary::INSTALLATION_ADMIN))
    }

    /// The tenants within which the user holds a permission of this name, or a prefix of it that
    /// includes it.
    pub fn tenants_where(&self, user: &User, wanted: &str) -> Tenants {
        let rights = user.rights().iter();
        let allowed = rights.filter(|(_, rights)| self.allows(rights, wanted));
        allowed.map(|(tenant, _)| *tenant).collect()
    }

    /// True if the user may do within a tenant what a permission of this name allows.
    pub fn may_in(&self, user: &User, tenant: Id<Tenant>, wanted: &str) -> bool {
        let mut rights = self.rights_reaching(user, tenant);
        rights.any(|rights| self.allows(rights, wanted))
    }

    /// True if the user may do within a tenant all that this permission allows.
    pub fn covers(&self, user: &User, tenant: Id<Tenant>, permission: Id<Permission>) -> bool {
        let named = self.permission(permission);
        self.rights_reaching(user, tenant).any(|rights| {
            self.holds(rights, permission) || named.is_some_and(|name| self.allows(rights, name))
        })
    }

    /// True if the first user may do all that the second one may, within each tenant.
    pub fn outranks(&self, user: &User, other: &User) -> bool {
        let mut tenants = other.rights().keys();
        tenants.all(|tenant| self.outranks_in(user, other, *tenant))
    }

    /// True if the first user may do within a tenant all that the second one may there. What an
    /// administrator of the installation holds anywhere counts within every tenant.
    pub fn outranks_in(&self, user: &User, other: &User, tenant: Id<Tenant>) -> bool {
        self.rights_reaching(other, tenant).all(|rights| {
            let roles = rights.roles.iter().filter_map(|id| self.role(*id));
            let mut held = roles
                .flat_map(|role| role.permissions())
                .chain(&rights.permissions);
            held.all(|permission| self.covers(user, tenant, *permission))
        })
    }

    /// True if the user may do all that each holder of this role may.
    pub fn outranks_holders(&self, user: &User, role: Id<Role>) -> bool {
        let users = self.users.values().map(|other| &other.state);
        let mut holders =
            users.filter(|other| other.exists() && other.roles().any(|one| one == role));
        holders.all(|holder| self.outranks(user, holder))
    }

    /// The rights of the user that reach a tenant: those within it, or of an administrator of the
    /// installation all.
    fn rights_reaching<'u>(
        &self,
        user: &'u User,
        tenant: Id<Tenant>,
    ) -> impl Iterator<Item = &'u Rights> + use<'u> {
        let everywhere = self.is_installation_admin(user);
        let rights = user.rights().iter();
        rights
            .filter(move |(one, _)| everywhere || **one == tenant)
            .map(|(_, rights)| rights)
    }

    fn allows(&self, rights: &Rights, wanted: &str) -> bool {
        let prefixes = wanted
            .match_indices('_')
            .filter_map(|(at, _)| wanted.get(..at));
        prefixes
            .chain([wanted])
            .filter(|held| vocabulary::grants(held, wanted))
            .filter_map(|name| self.by_name.get(name))
            .any(|permission| self.holds(rights, *permission))
    }

    fn holds(&self, rights: &Rights, permission: Id<Permission>) -> bool {
        let mut roles = rights.roles.iter().filter_map(|id| self.role(*id));
        rights.permissions.contains(&permission)
            || roles.any(|role| role.permissions().contains(&permission))
    }
}

impl<A: Aggregate> Folded<A> {
    fn advance(&mut self, sequence: u64, event: A::Event) -> bool {
        let new = sequence > self.version;
        if new {
            self.version = sequence;
            self.state.apply(event);
        }
        new
    }
}

#[cfg(test)]
#[path = "access_cache_state_tests.rs"]
mod tests;
