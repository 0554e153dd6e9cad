//! Access control: users, roles and permissions.

pub mod permissions;
pub mod roles;
pub mod users;

use self::{
    permissions::{PermissionRow, Permissions},
    roles::{RoleRow, Roles},
    users::{UserRow, Users},
};
use crate::registry::registered;

registered! {
    projections: Permissions, Roles, Users;
    views: PermissionRow, RoleRow, UserRow;
}
