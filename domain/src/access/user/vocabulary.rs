//! The commands and events of a user.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};

use super::User;
use crate::{
    Id, Patch, Personal,
    access::{Permission, Role, Tenant},
    outreach::SenderId,
    owner::{first_tenant, is_first_tenant},
    reference::TimeZone,
    values::{EmailAddress, Line, PhoneNumber, Sealed},
};

/// The personal details of a user; all of them are personal data.
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
    pub timezone: Option<TimeZone>,
}

/// A partial update of a user.
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
    /// The name of the zone with that number; set together with `timezone_id`.
    pub timezone: Patch<TimeZone>,
    pub active: Patch<bool>,
}

/// A command to a user.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum UserCommand {
    Create {
        id: Id<User>,
        patch: UserPatch,
        /// The Argon2id hash, sealed.
        password: Sealed,
        /// The home tenant, within which the user gets the roles.
        tenant: Id<Tenant>,
        roles: BTreeSet<Id<Role>>,
    },
    Update(UserPatch),
    ChangePassword(Sealed),
    /// Assigns the user to a tenant beside the home tenant.
    AssignTenant(Id<Tenant>),
    /// Takes the user, with their rights, out of a tenant other than the home tenant.
    UnassignTenant(Id<Tenant>),
    GiveRole(Id<Tenant>, Id<Role>),
    TakeRole(Id<Tenant>, Id<Role>),
    Grant(Id<Tenant>, Id<Permission>),
    Withdraw(Id<Tenant>, Id<Permission>),
    /// Replaces the list of the senders that short messages of the user's accounts may name.
    ListSmsSenders(Vec<SenderId>),
    /// Adopts senders that the user's accounts named before the list was introduced: `listed` into
    /// the list, without a limit, `provisional` for a period of grace.
    AdoptSmsSenders {
        listed: Vec<SenderId>,
        provisional: Vec<SenderId>,
        until: DateTime<Utc>,
    },
    Delete,
}

/// An event of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum UserEvent {
    UserCreated {
        id: Id<User>,
        active: bool,
        profile: Personal<UserProfile>,
        password: Sealed,
        roles: BTreeSet<Id<Role>>,
        /// The home tenant, within which the roles were given.
        #[serde(default = "first_tenant", skip_serializing_if = "is_first_tenant")]
        tenant_id: Id<Tenant>,
    },
    UserUpdated {
        profile: Personal<UserProfile>,
    },
    UserActivated {},
    /// Revokes every token of the user.
    UserDeactivated {},
    /// Revokes every token of the user.
    UserPasswordChanged {
        password: Sealed,
    },
    UserTenantAssigned {
        tenant_id: Id<Tenant>,
    },
    /// Ends the rights of the user within the tenant as well.
    UserTenantUnassigned {
        tenant_id: Id<Tenant>,
    },
    UserRoleGiven {
        role_id: Id<Role>,
        #[serde(default = "first_tenant", skip_serializing_if = "is_first_tenant")]
        tenant_id: Id<Tenant>,
    },
    UserRoleTaken {
        role_id: Id<Role>,
        #[serde(default = "first_tenant", skip_serializing_if = "is_first_tenant")]
        tenant_id: Id<Tenant>,
    },
    UserPermissionGranted {
        permission_id: Id<Permission>,
        #[serde(default = "first_tenant", skip_serializing_if = "is_first_tenant")]
        tenant_id: Id<Tenant>,
    },
    UserPermissionWithdrawn {
        permission_id: Id<Permission>,
        #[serde(default = "first_tenant", skip_serializing_if = "is_first_tenant")]
        tenant_id: Id<Tenant>,
    },
    /// The whole list of the senders that short messages of the user's accounts may name. Ends the
    /// period of grace of provisional senders.
    UserSmsSendersListed {
        names: Personal<Vec<String>>,
    },
    /// Senders that were in use before the list was introduced, allowed for a period of grace.
    UserSmsSendersProvided {
        names: Personal<Vec<String>>,
        until: DateTime<Utc>,
    },
    UserDeleted {},
}
use UserEvent::{
    UserActivated, UserCreated, UserDeactivated, UserDeleted, UserPasswordChanged,
    UserPermissionGranted, UserPermissionWithdrawn, UserRoleGiven, UserRoleTaken,
    UserSmsSendersListed, UserSmsSendersProvided, UserTenantAssigned, UserTenantUnassigned,
    UserUpdated,
};

impl DomainEvent for UserEvent {
    fn event_type(&self) -> String {
        match self {
            UserCreated { .. } => "UserCreated",
            UserUpdated { .. } => "UserUpdated",
            UserActivated {} => "UserActivated",
            UserDeactivated {} => "UserDeactivated",
            UserPasswordChanged { .. } => "UserPasswordChanged",
            UserTenantAssigned { .. } => "UserTenantAssigned",
            UserTenantUnassigned { .. } => "UserTenantUnassigned",
            UserRoleGiven { .. } => "UserRoleGiven",
            UserRoleTaken { .. } => "UserRoleTaken",
            UserPermissionGranted { .. } => "UserPermissionGranted",
            UserPermissionWithdrawn { .. } => "UserPermissionWithdrawn",
            UserSmsSendersListed { .. } => "UserSmsSendersListed",
            UserSmsSendersProvided { .. } => "UserSmsSendersProvided",
            UserDeleted {} => "UserDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0.0".to_owned()
    }
}
