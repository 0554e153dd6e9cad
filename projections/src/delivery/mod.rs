//! Delivery: providers, transmissions with their attempts, campaigns, and schedules.

pub mod campaign_contacts;
pub mod campaign_progress;
pub mod campaigns;
pub mod deliveries;
pub mod messages;
mod occurred;
mod pace_numbers;
pub mod providers;
pub mod schedules;
pub mod spool_results;
pub mod spools;
pub mod transmissions;

pub(crate) use self::occurred::storable;
use self::{
    campaigns::{CampaignRow, Campaigns},
    deliveries::Deliveries,
    providers::{ProviderRow, Providers},
    schedules::{ScheduleRow, Schedules},
    spools::SpoolRow,
    transmissions::TransmissionRow,
};
use crate::registered::registered;

registered! {
    projections: Campaigns, Deliveries, Providers, Schedules;
    views: CampaignRow<false>, CampaignRow<true>, ProviderRow, ScheduleRow, SpoolRow, TransmissionRow;
}
