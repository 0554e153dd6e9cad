//! From a request to a report.

mod campaign_capacity;
mod campaign_hours;
mod campaign_interrupted;
mod campaign_life;
mod campaign_pace;
mod campaign_progress;
mod campaign_reach;
mod campaign_workers;
mod campaigns;
mod demo;
mod kannel;
mod main_job;
mod outcomes;
mod peers;
mod provider_limits;
mod provider_status;
mod provider_troubles;
mod providers;
mod roles;
mod sandbox_services;
mod schedules;
mod schedules_fire;
mod smpp;
mod statistics;
mod transmissions;
mod weights;
