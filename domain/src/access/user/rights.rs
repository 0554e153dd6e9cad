//! The rights of a user within a tenant.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::UserEvent::{
    self, UserPermissionGranted, UserPermissionWithdrawn, UserRoleGiven, UserRoleTaken,
};
use crate::{
    Id, Refusal,
    access::{Permission, Role, Tenant},
};

/// The rights of a user within a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// The roles.
    pub roles: BTreeSet<Id<Role>>,
    /// The permissions beside those of the roles.
    pub permissions: BTreeSet<Id<Permission>>,
}

impl Rights {
    pub(super) fn give_role(&self, tenant_id: Id<Tenant>, role_id: Id<Role>) -> Vec<UserEvent> {
        if self.roles.contains(&role_id) {
            return vec![];
        }
        vec![UserRoleGiven { role_id, tenant_id }]
    }

    pub(super) fn take_role(
        &self,
        tenant_id: Id<Tenant>,
        role_id: Id<Role>,
    ) -> Result<Vec<UserEvent>, Refusal> {
        if !self.roles.contains(&role_id) {
            return Err(Refusal::NotFound);
        }
        Ok(vec![UserRoleTaken { role_id, tenant_id }])
    }

    pub(super) fn grant(
        &self,
        tenant_id: Id<Tenant>,
        permission_id: Id<Permission>,
    ) -> Vec<UserEvent> {
        if self.permissions.contains(&permission_id) {
            return vec![];
        }
        vec![UserPermissionGranted {
            permission_id,
            tenant_id,
        }]
    }

    pub(super) fn withdraw(
        &self,
        tenant_id: Id<Tenant>,
        permission_id: Id<Permission>,
    ) -> Result<Vec<UserEvent>, Refusal> {
        if !self.permissions.contains(&permission_id) {
            return Err(Refusal::NotFound);
        }
        Ok(vec![UserPermissionWithdrawn {
            permission_id,
            tenant_id,
        }])
    }
}
