//! People: accounts, contacts and groups, and the do-not-contact list.

mod account_addresses;
mod account_fields;
mod account_links;
mod accounts;
mod contact_csv;
mod contact_links;
mod contacts;
mod group_csv;
mod group_import;
mod groups;
mod optout_csv;
mod optout_listing;
mod optouts;
mod sip_secret;

use crate::openapi::Routes;

pub(crate) use account_addresses::{assigned as assigned_addresses, update as account_update};
pub(crate) use account_fields::{did_details, extension_details};
pub(crate) use accounts::{active_user_of, open_for};
pub(crate) use sip_secret::with_secret;

/// The area's routes.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(accounts::routes())
        .merge(account_addresses::routes())
        .merge(account_links::routes())
        .merge(contact_links::routes())
        .merge(contacts::routes())
        .merge(group_csv::routes())
        .merge(groups::routes())
        .merge(optout_csv::routes())
        .merge(optouts::routes())
}
