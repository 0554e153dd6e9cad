//! Access control: users, roles, permissions and revoked sessions.

mod permission;
mod role;
mod role_name;
mod session;
mod tenant;
mod user;
pub mod vocabulary;

pub use permission::{Permission, PermissionCommand, PermissionEvent};
pub use role::{Role, RoleCommand, RoleEvent, RolePatch};
pub use role_name::folded_role_name;
pub use session::{Session, SessionCommand, SessionEvent};
pub use tenant::{
    Tenant, TenantCommand, TenantDetails, TenantEvent, TenantLimits, TenantPatch, listed_as,
};
pub use user::{Rights, SmsSenders, User, UserCommand, UserEvent, UserPatch, UserProfile};
pub use vocabulary::grants;
