//! The PBX: `/pbx/…`, and the API of document 004.
//!
//! To add a kind of record: a file with its routes, its [`record::Kind`] and its fields, and a line
//! below.

mod accounts;
mod cdrs;
mod conditions;
mod configuration;
mod customs;
mod destinations;
mod dids;
mod disas;
mod documented;
mod extensions;
mod hunts;
mod ivrs;
mod phone_models;
mod phones;
mod provisioning;
mod rate_tables;
mod record;
mod route;
mod voicemails;

pub(crate) use documented::envelope;

use crate::openapi::Routes;

/// The area's routes.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(cdrs::routes())
        .merge(conditions::routes())
        .merge(configuration::routes())
        .merge(customs::routes())
        .merge(destinations::routes())
        .merge(dids::routes())
        .merge(disas::routes())
        .merge(documented::routes())
        .merge(extensions::routes())
        .merge(hunts::routes())
        .merge(ivrs::routes())
        .merge(phone_models::routes())
        .merge(phones::routes())
        .merge(provisioning::routes())
        .merge(rate_tables::routes())
        .merge(route::routes())
        .merge(voicemails::routes())
}
