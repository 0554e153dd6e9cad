//! The state, decisions and event application of a user.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{SmsSenders, UserCommand, UserEvent, UserPatch, UserProfile};
use crate::{
    Claim, Entity, Id, Patch, Personal, Refusal,
    access::{Permission, Role},
    outreach::SenderId,
    values::Sealed,
};

use super::UserEvent::{
    UserActivated, UserCreated, UserDeactivated, UserDeleted, UserPasswordChanged,
    UserPermissionGranted, UserPermissionWithdrawn, UserRoleGiven, UserRoleTaken,
    UserSmsSendersListed, UserSmsSendersProvided, UserUpdated,
};

/// A user's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct User {
    stage: Stage,
    id: Option<Id<User>>,
    active: bool,
    pub(super) profile: UserProfile,
    password: Option<Sealed>,
    roles: BTreeSet<Id<Role>>,
    permissions: BTreeSet<Id<Permission>>,
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

    /// The roles of the user.
    pub fn roles(&self) -> &BTreeSet<Id<Role>> {
        &self.roles
    }

    /// The permissions of the user beside those of its roles.
    pub fn permissions(&self) -> &BTreeSet<Id<Permission>> {
        &self.permissions
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
            AdoptSmsSenders, ChangePassword, Create, Delete, GiveRole, Grant, ListSmsSenders,
            TakeRole, Update, Withdraw,
        };
        Ok(match (self.stage, command) {
            (
                Absent,
                Create {
                    id,
                    patch,
                    password,
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
                }]
            }
            (_, Create { .. }) => return Err(Refusal::AlreadyExists),
            (Live, Update(patch)) => self.update(patch)?,
            (Live, ChangePassword(password)) => vec![UserPasswordChanged { password }],
            (Live, GiveRole(id)) if self.roles.contains(&id) => vec![],
            (Live, GiveRole(role_id)) => vec![UserRoleGiven { role_id }],
            (Live, TakeRole(id)) if !self.roles.contains(&id) => return Err(Refusal::NotFound),
            (Live, TakeRole(role_id)) => vec![UserRoleTaken { role_id }],
            (Live, Grant(id)) if self.permissions.contains(&id) => vec![],
            (Live, Grant(permission_id)) => vec![UserPermissionGranted { permission_id }],
            (Live, Withdraw(id)) if !self.permissions.contains(&id) => {
                return Err(Refusal::NotFound);
            }
            (Live, Withdraw(permission_id)) => vec![UserPermissionWithdrawn { permission_id }],
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
            } => {
                self.stage = Live;
                self.id = Some(id);
                self.active = active;
                self.profile = profile.into_inner().unwrap_or_default();
                self.password = Some(password);
                self.roles = roles;
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
            UserRoleGiven { role_id } => {
                self.roles.insert(role_id);
            }
            UserRoleTaken { role_id } => {
                self.roles.remove(&role_id);
            }
            UserPermissionGranted { permission_id } => {
                self.permissions.insert(permission_id);
            }
            UserPermissionWithdrawn { permission_id } => {
                self.permissions.remove(&permission_id);
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

    fn owner(&self) -> Option<Id<User>> {
        self.id
    }

    fn claims(&self) -> Vec<Claim> {
        if !self.exists() {
            return Vec::new();
        }
        // One scope for both, since either of them logs in: a username must not be another user's
        // email address.
        let login = |field, value: &str| Claim {
            field,
            scope: "user.login",
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
