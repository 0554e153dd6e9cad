//! How it gets there: providers, transmissions, their attempts, the sandbox's outbox.

mod provider_fields;
mod providers;
mod reports;
mod sandbox;
mod send;
mod spools;
mod transmission_fields;
mod transmissions;

use crate::openapi::Routes;

pub(crate) use transmission_fields::{Said as SaidTransmission, order};

/// The area's resources.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(providers::routes())
        .merge(transmissions::routes())
        .merge(send::routes())
        .merge(reports::routes())
        .merge(spools::routes())
        .merge(sandbox::routes())
}
