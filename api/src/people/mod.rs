//! Whom one reaches, and as whom.

mod account_fields;
mod account_links;
mod accounts;
mod contacts;

use crate::openapi::Routes;

pub(crate) use accounts::open_for;

/// The area's resources.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(accounts::routes())
        .merge(account_links::routes())
        .merge(contacts::routes())
}
