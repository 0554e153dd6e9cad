//! Delivery: providers, transmissions, their attempts, campaigns, schedules, the sandbox's outbox and
//! calls.

mod campaign_fields;
mod campaign_progress;
mod campaign_report;
mod campaigns;
mod messages;
mod provider_fields;
mod providers;
mod reports;
mod sandbox;
mod sandbox_calls;
mod schedules;
mod scheduling;
mod send;
mod spools;
mod transmission_fields;
mod transmissions;

use crate::openapi::Routes;

pub(crate) use transmission_fields::{TransmissionRequest, order};

/// The area's routes.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .merge(campaigns::routes())
        .merge(campaign_progress::routes())
        .merge(campaign_report::routes())
        .merge(providers::routes())
        .merge(transmissions::routes())
        .merge(messages::routes())
        .merge(schedules::routes())
        .merge(send::routes())
        .merge(reports::routes())
        .merge(spools::routes())
        .merge(sandbox::routes())
        .merge(sandbox_calls::routes())
}
