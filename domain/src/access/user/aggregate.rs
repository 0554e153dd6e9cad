//! The state, decisions and event application of a user.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{Rights, SmsSenders, UserCommand, UserEvent, UserPatch, UserProfile};
use crate::{
    Claim, Entity, FIRST_TENANT, Id, Owner, Patch, Personal, Refusal,
    access::{Role, Tenant},
    outreach::SenderId,
    values::Sealed,
};

use super::UserEvent::{
    UserActivated, UserCreated, UserDeactivated, UserDeleted, UserPasswordChanged,
    UserPermissionGranted, UserPermissionWithdrawn, UserRoleGiven, UserRoleTaken,
    UserSmsSendersListed, UserSmsSendersProvided, UserTenantAssigned, UserTenantUnassigned,
    UserUpdated,
};

/// A user's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct User {
    stage: Stage,
    id: Option<Id<User>>,
    active: bool,
    pub(super) profile: UserProfile,
    password: Option<Sealed>,
    home: Option<Id<Tenant>>,
    rights: BTreeMap<Id<Tenant>, Rights>,
    token_epoch: u32,
    #[serde(default)]
    sms_senders: SmsSenders,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

impl User {
    /// The scope of the claims on login names: usernames and email addresses, in small letters.
    pub const LOGIN: &'static str = "user.login";

    /// The personal details.
    pub fn profile(&self) -> &UserProfile {
        &self.profile
    }

    /// True if the user may log in.
    pub fn is_active(&self) -> bool {
        self.stage == Live && self.active
    }

    /// The sealed Argon2id hash.
    pub fn password(&self) -> Option<&Sealed> {
        self.password.as_ref()
    }

    /// The tenant to which the user belongs, and within which they create things by default.
    pub fn home(&self) -> Id<Tenant> {
        self.home.unwrap_or(FIRST_TENANT)
    }

    /// The tenants that the user is assigned to, with their rights within each.
    pub fn rights(&self) -> &BTreeMap<Id<Tenant>, Rights> {
        &self.rights
    }

    /// The rights of the user within a tenant; `None` if they are not assigned to it.
    pub fn rights_in(&self, tenant: Id<Tenant>) -> Option<&Rights> {
        self.rights.get(&tenant)
    }

    /// The reason for which nothing is sent any more of what the user owns within this tenant;
    /// `None` if the user is active and assigned to it.
    pub fn absence_from(&self, tenant: Id<Tenant>) -> Option<&'static str> {
        match (self.is_active(), self.rights.contains_key(&tenant)) {
            (true, true) => None,
            (true, false) => Some("its owner was taken out of the tenant"),
            (false, _) => Some("its owner was deleted or deactivated"),
        }
    }

    /// The roles of the user, within any tenant.
    pub fn roles(&self) -> impl Iterator<Item = Id<Role>> {
        self.rights
            .values()
            .flat_map(|rights| rights.roles.iter().copied())
    }

    /// The number of times that all tokens of the user were revoked. A token carries the epoch it
    /// was issued in, and is valid while that is the present one.
    pub fn token_epoch(&self) -> u32 {
        self.token_epoch
    }

    /// The senders that short messages of the user's accounts may name.
    pub fn sms_senders(&self) -> &SmsSenders {
        &self.sms_senders
    }

    fn decide(&self, command: UserCommand) -> Result<Vec<UserEvent>, Refusal> {
        use UserCommand::{
            AdoptSmsSenders, AssignTenant, ChangePassword, Create, Delete, GiveRole, Grant,
            ListSmsSenders, TakeRole, UnassignTenant, Update, Withdraw,
        };
        Ok(match (self.stage, command) {
            (
                Absent,
                Create {
                    id,
                    patch,
                    password,
                    tenant: tenant_id,
                    roles,
                },
            ) => {
                let (profile, active) = patched(UserProfile::default(), false, patch)?;
                let profile = Personal::new(id.subject(), profile);
                vec![UserCreated {
                    id,
                    active,
                    profile,
                    password,
                    roles,
                    tenant_id,
                }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => self.update(patch)?,
            (Live, ChangePassword(password)) => vec![UserPasswordChanged { password }],
            (Live, AssignTenant(id)) if self.rights.contains_key(&id) => vec![],
            (Live, AssignTenant(tenant_id)) => vec![UserTenantAssigned { tenant_id }],
            (Live, UnassignTenant(id)) if id == self.home() => {
                return Err(Refusal::not_ready("a user cannot leave their home tenant"));
            }
            (Live, UnassignTenant(id)) if !self.rights.contains_key(&id) => {
                return Err(Refusal::NotFound);
            }
            (Live, UnassignTenant(tenant_id)) => vec![UserTenantUnassigned { tenant_id }],
            (Live, GiveRole(tenant, role)) => self.assigned(tenant)?.give_role(tenant, role),
            (Live, TakeRole(tenant, role)) => self.assigned(tenant)?.take_role(tenant, role)?,
            (Live, Grant(tenant, id)) => self.assigned(tenant)?.grant(tenant, id),
            (Live, Withdraw(tenant, id)) => self.assigned(tenant)?.withdraw(tenant, id)?,
            (Live, ListSmsSenders(names)) => self.list_sms_senders(SmsSenders::set(names)?)?,
            (
                Live,
                AdoptSmsSenders {
                    listed,
                    provisional,
                    until,
                },
            ) => self.adopt_sms_senders(listed, (provisional, until))?,
            (Live, Delete) => vec![UserDeleted {}],
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    /// The rights within a tenant that the user must be assigned to.
    fn assigned(&self, tenant: Id<Tenant>) -> Result<&Rights, Refusal> {
        self.rights_in(tenant).ok_or(Refusal::NotFound)
    }

    fn rights_mut(&mut self, tenant: Id<Tenant>) -> &mut Rights {
        self.rights.entry(tenant).or_default()
    }

    fn list_sms_senders(&self, names: Vec<String>) -> Result<Vec<UserEvent>, Refusal> {
        let subject = self.id.map(Id::subject).ok_or(Refusal::NotFound)?;
        let next = SmsSenders {
            listed: names.clone(),
            ..SmsSenders::default()
        };
        if next == self.sms_senders {
            return Ok(vec![]);
        }
        let names = Personal::new(subject, names);
        Ok(vec![UserSmsSendersListed { names }])
    }

    fn adopt_sms_senders(
        &self,
        listed: Vec<SenderId>,
        (provisional, until): (Vec<SenderId>, DateTime<Utc>),
    ) -> Result<Vec<UserEvent>, Refusal> {
        let subject = self.id.map(Id::subject).ok_or(Refusal::NotFound)?;
        let mut senders = self.sms_senders.clone();
        let mut events = Vec::new();
        let mut names = Vec::new();
        let added = senders.unknown(listed);
        if !added.is_empty() {
            senders.listed.extend(added);
            events = self.list_sms_senders(senders.listed.clone())?;
            // A list that is set ends what was provisional before.
            names.append(&mut senders.provisional);
            names.retain(|name| !senders.listed.contains(name));
        }
        names.extend(senders.unknown(provisional));
        if !names.is_empty() {
            let names = Personal::new(subject, names);
            events.push(UserSmsSendersProvided { names, until });
        }
        Ok(events)
    }

    pub(super) fn update(&self, patch: UserPatch) -> Result<Vec<UserEvent>, Refusal> {
        let subject = self.id.map(Id::subject).ok_or(Refusal::NotFound)?;
        let (profile, active) = patched(self.profile.clone(), self.active, patch)?;
        let mut events = Vec::new();
        if profile != self.profile {
            events.push(UserUpdated {
                profile: Personal::new(subject, profile),
            });
        }
        match (self.active, active) {
            (false, true) => events.push(UserActivated {}),
            (true, false) => events.push(UserDeactivated {}),
            _ => {}
        }
        Ok(events)
    }
}

fn patched(
    mut profile: UserProfile,
    mut active: bool,
    patch: UserPatch,
) -> Result<(UserProfile, bool), Refusal> {
    if let Patch::Set(name) = &patch.username
        && profile.username.as_ref() != Some(name)
        && name.as_str().contains(':')
    {
        // HTTP Basic (RFC 7617) ends the username at the first colon.
        return Err(Refusal::invalid("username", "must not contain a colon"));
    }
    patch.username.apply(&mut profile.username);
    patch.first_name.apply(&mut profile.first_name);
    patch.last_name.apply(&mut profile.last_name);
    patch.phone.apply(&mut profile.phone);
    patch.email.apply(&mut profile.email);
    patch.address.apply(&mut profile.address);
    patch.company.apply(&mut profile.company);
    patch.country_id.apply(&mut profile.country_id);
    patch.timezone_id.apply(&mut profile.timezone_id);
    patch.timezone.apply(&mut profile.timezone);
    if profile.username.is_none() {
        return Err(Refusal::invalid("username", "is required"));
    }
    if !patch.active.apply_required(&mut active) {
        return Err(Refusal::invalid("active", "must not be null"));
    }
    Ok((profile, active))
}

impl Aggregate for User {
    const TYPE: &'static str = "user";
    type Command = UserCommand;
    type Event = UserEvent;
    type Error = Refusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: UserCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refusal> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: UserEvent) {
        match event {
            UserCreated {
                id,
                active,
                profile,
                password,
                roles,
                tenant_id,
            } => {
                self.stage = Live;
                self.id = Some(id);
                self.active = active;
                self.profile = profile.into_inner().unwrap_or_default();
                self.password = Some(password);
                self.home = Some(tenant_id);
                let permissions = BTreeSet::new();
                self.rights.insert(tenant_id, Rights { roles, permissions });
            }
            UserUpdated { profile } => self.profile = profile.into_inner().unwrap_or_default(),
            UserActivated {} => self.active = true,
            UserDeactivated {} => {
                self.active = false;
                self.token_epoch += 1;
            }
            UserPasswordChanged { password } => {
                self.password = Some(password);
                self.token_epoch += 1;
            }
            UserTenantAssigned { tenant_id } => {
                self.rights.entry(tenant_id).or_default();
            }
            UserTenantUnassigned { tenant_id } => {
                self.rights.remove(&tenant_id);
            }
            UserRoleGiven { role_id, tenant_id } => {
                self.rights_mut(tenant_id).roles.insert(role_id);
            }
            UserRoleTaken { role_id, tenant_id } => {
                self.rights_mut(tenant_id).roles.remove(&role_id);
            }
            UserPermissionGranted {
                permission_id,
                tenant_id,
            } => {
                let rights = self.rights_mut(tenant_id);
                rights.permissions.insert(permission_id);
            }
            UserPermissionWithdrawn {
                permission_id,
                tenant_id,
            } => {
                let rights = self.rights_mut(tenant_id);
                rights.permissions.remove(&permission_id);
            }
            UserSmsSendersListed { names } => {
                self.sms_senders = SmsSenders {
                    listed: names.into_inner().unwrap_or_default(),
                    ..SmsSenders::default()
                };
            }
            UserSmsSendersProvided { names, until } => {
                let names = names.into_inner().unwrap_or_default();
                self.sms_senders.provisional.extend(names);
                self.sms_senders.until = Some(until);
            }
            UserDeleted {} => self.stage = Deleted,
        }
    }
}

impl Entity for User {
    fn exists(&self) -> bool {
        self.stage == Live
    }

    fn owner(&self) -> Option<Owner> {
        self.id.map(|id| Owner::new(self.home(), id))
    }

    fn claims(&self) -> Vec<Claim> {
        if !self.exists() {
            return Vec::new();
        }
        // One scope for both, since either of them logs in: a username must not be another user's
        // email address.
        let login = |field, value: &str| Claim {
            field,
            scope: Self::LOGIN,
            value: value.to_lowercase(),
        };
        let username = self
            .profile
            .username
            .as_ref()
            .map(|name| login("username", name.as_str()));
        let email = self
            .profile
            .email
            .as_ref()
            .map(|email| login("email", email.as_str()));
        let mut claims: Vec<Claim> = username.into_iter().chain(email).collect();
        claims.dedup_by(|a, b| a.value == b.value);
        claims
    }
}
