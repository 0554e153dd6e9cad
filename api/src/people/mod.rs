//! Whom one reaches, and as whom.

mod account_fields;
mod account_links;
mod accounts;
mod contact_links;
mod contacts;
mod groups;

use crate::openapi::Routes;

pub(crate) use accounts::open_for;

/// The area's resources.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(accounts::routes())
        .merge(account_links::routes())
        .merge(contact_links::routes())
        .merge(contacts::routes())
        .merge(groups::routes())
}
