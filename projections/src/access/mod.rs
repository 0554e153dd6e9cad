//! Access control: users, roles and permissions.

pub mod permissions;
pub mod roles;
pub mod users;
