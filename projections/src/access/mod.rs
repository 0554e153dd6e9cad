//! Access control: tenants, users, roles and permissions.

pub mod permissions;
pub mod roles;
pub mod tenants;
pub mod user_senders;
pub mod users;

use self::{
    permissions::{PermissionRow, Permissions},
    roles::{RoleRow, Roles},
    tenants::{TenantRow, Tenants},
    users::{UserRow, Users},
};
use crate::registered::registered;

registered! {
    projections: Permissions, Roles, Tenants, Users;
    views: PermissionRow, RoleRow, TenantRow, UserRow;
}
