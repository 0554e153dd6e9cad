//! A user: who logs in and owns things. `Absent → Live → Deleted`.

use std::collections::BTreeSet;

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use crate::{
    Claim, Entity, Id, Patch, Personal, Refusal,
    access::{Permission, Role},
    values::{EmailAddress, Line, PhoneNumber, Sealed},
};

/// A user's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct User {
    stage: Stage,
    id: Option<Id<User>>,
    active: bool,
    profile: UserProfile,
    password: Option<Sealed>,
    roles: BTreeSet<Id<Role>>,
    permissions: BTreeSet<Id<Permission>>,
    token_epoch: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Live,
    Deleted,
}
use Stage::{Absent, Deleted, Live};

/// Who a user is; all of it personal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct UserProfile {
    pub username: Option<Line>,
    pub first_name: Option<Line>,
    pub last_name: Option<Line>,
    pub phone: Option<PhoneNumber>,
    pub email: Option<EmailAddress>,
    pub address: Option<Line>,
    pub company: Option<Line>,
    pub country_id: Option<i32>,
    pub timezone_id: Option<i32>,
}

/// What an update changes.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct UserPatch {
    pub username: Patch<Line>,
    pub first_name: Patch<Line>,
    pub last_name: Patch<Line>,
    pub phone: Patch<PhoneNumber>,
    pub email: Patch<EmailAddress>,
    pub address: Patch<Line>,
    pub company: Patch<Line>,
    pub country_id: Patch<i32>,
    pub timezone_id: Patch<i32>,
    pub active: Patch<bool>,
}

/// What one can ask of a user.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum UserCommand {
    Create {
        id: Id<User>,
        patch: UserPatch,
        /// The Argon2id hash, sealed.
        password: Sealed,
        roles: BTreeSet<Id<Role>>,
    },
    Update(UserPatch),
    ChangePassword(Sealed),
    GiveRole(Id<Role>),
    TakeRole(Id<Role>),
    Grant(Id<Permission>),
    Withdraw(Id<Permission>),
    Delete,
}

/// What happened to a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum UserEvent {
    UserCreated {
        id: Id<User>,
        active: bool,
        profile: Personal<UserProfile>,
        password: Sealed,
        roles: BTreeSet<Id<Role>>,
    },
    UserUpdated {
        profile: Personal<UserProfile>,
    },
    UserActivated {},
    /// Ends every token of the user.
    UserDeactivated {},
    /// Ends every token of the user.
    UserPasswordChanged {
        password: Sealed,
    },
    UserRoleGiven {
        role_id: Id<Role>,
    },
    UserRoleTaken {
        role_id: Id<Role>,
    },
    UserPermissionGranted {
        permission_id: Id<Permission>,
    },
    UserPermissionWithdrawn {
        permission_id: Id<Permission>,
    },
    UserDeleted {},
}
use UserEvent::{
    UserActivated, UserCreated, UserDeactivated, UserDeleted, UserPasswordChanged,
    UserPermissionGranted, UserPermissionWithdrawn, UserRoleGiven, UserRoleTaken, UserUpdated,
};

impl User {
    /// Who it is.
    pub fn profile(&self) -> &UserProfile {
        &self.profile
    }

    /// Whether it may log in.
    pub fn is_active(&self) -> bool {
        self.stage == Live && self.active
    }

    /// The sealed Argon2id hash.
    pub fn password(&self) -> Option<&Sealed> {
        self.password.as_ref()
    }

    /// The roles it has.
    pub fn roles(&self) -> &BTreeSet<Id<Role>> {
        &self.roles
    }

    /// The permissions it has of its own.
    pub fn permissions(&self) -> &BTreeSet<Id<Permission>> {
        &self.permissions
    }

    /// How often its tokens have been ended all at once; a token carries the
    /// number it was issued under, and is good while it is still this.
    pub fn token_epoch(&self) -> u32 {
        self.token_epoch
    }

    fn decide(&self, command: UserCommand) -> Result<Vec<UserEvent>, Refusal> {
        use UserCommand::{
            ChangePassword, Create, Delete, GiveRole, Grant, TakeRole, Update, Withdraw,
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
                let profile = Personal::of(id.subject(), profile);
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
            (Live, Delete) => vec![UserDeleted {}],
            (Absent | Deleted, _) => return Err(Refusal::NotFound),
        })
    }

    fn update(&self, patch: UserPatch) -> Result<Vec<UserEvent>, Refusal> {
        let subject = self.id.map(Id::subject).ok_or(Refusal::NotFound)?;
        let (profile, active) = patched(self.profile.clone(), self.active, patch)?;
        let mut events = Vec::new();
        if profile != self.profile {
            events.push(UserUpdated {
                profile: Personal::of(subject, profile),
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
    patch.username.apply(&mut profile.username);
    patch.first_name.apply(&mut profile.first_name);
    patch.last_name.apply(&mut profile.last_name);
    patch.phone.apply(&mut profile.phone);
    patch.email.apply(&mut profile.email);
    patch.address.apply(&mut profile.address);
    patch.company.apply(&mut profile.company);
    patch.country_id.apply(&mut profile.country_id);
    patch.timezone_id.apply(&mut profile.timezone_id);
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
            UserDeleted {} => self.stage = Deleted,
        }
    }
}

impl DomainEvent for UserEvent {
    fn event_type(&self) -> String {
        match self {
            UserCreated { .. } => "UserCreated",
            UserUpdated { .. } => "UserUpdated",
            UserActivated {} => "UserActivated",
            UserDeactivated {} => "UserDeactivated",
            UserPasswordChanged { .. } => "UserPasswordChanged",
            UserRoleGiven { .. } => "UserRoleGiven",
            UserRoleTaken { .. } => "UserRoleTaken",
            UserPermissionGranted { .. } => "UserPermissionGranted",
            UserPermissionWithdrawn { .. } => "UserPermissionWithdrawn",
            UserDeleted {} => "UserDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
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
        // One scope for both, since either of them logs in: nobody may take
        // another's email address for a username.
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

#[cfg(test)]
mod tests {
    use cqrs_es::test::{AggregateTestExecutor, TestFramework};

    use super::*;

    fn created() -> UserEvent {
        UserCreated {
            id: Id::new(1),
            active: true,
            profile: Personal::of(
                Id::<User>::new(1).subject(),
                UserProfile {
                    username: "ada".parse().ok(),
                    ..UserProfile::default()
                },
            ),
            password: Sealed::new("hash".into()),
            roles: BTreeSet::new(),
        }
    }

    fn given(events: Vec<UserEvent>) -> AggregateTestExecutor<User> {
        TestFramework::with(()).given(events)
    }

    #[test]
    fn deactivating_is_its_own_event() {
        let patch = UserPatch {
            active: Patch::Set(false),
            ..UserPatch::default()
        };
        given(vec![created()])
            .when(UserCommand::Update(patch))
            .then_expect_events(vec![UserDeactivated {}]);
    }

    #[test]
    fn a_password_change_and_a_deactivation_end_every_token() {
        let mut user = User::default();
        user.apply(created());
        user.apply(UserPasswordChanged {
            password: Sealed::new("new".into()),
        });
        user.apply(UserDeactivated {});
        user.apply(UserActivated {});
        assert_eq!(user.token_epoch(), 2);
    }

    #[test]
    fn a_username_equal_to_the_email_is_claimed_once() {
        let mut user = User::default();
        user.apply(created());
        user.profile.username = "A@b.c".parse().ok();
        user.profile.email = "a@b.c".parse().ok();
        assert_eq!(user.claims().len(), 1);
    }
}
