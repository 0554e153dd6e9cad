//! Access: sessions, users, roles, permissions.

mod outranking;
mod permissions;
mod roles;
mod session;
mod tenant_limits;
mod tenants;
mod user_changes;
mod user_csv;
mod user_fields;
mod user_import;
mod user_rights;
mod user_rows;
mod user_senders;
mod users;

use crate::openapi::Routes;

pub(crate) use tenant_limits::Newcomer;
pub(crate) use user_fields::NewPassword;
pub(crate) use users::{change_password, sealed_password};

/// The area's routes.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(session::routes())
        .merge(users::routes())
        .merge(user_csv::routes())
        .merge(user_rights::routes())
        .merge(user_senders::routes())
        .merge(tenants::routes())
        .merge(roles::routes())
        .merge(permissions::routes())
}
