//! From a request to a report.

mod campaigns;
mod demo;
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
mod statistics;
mod transmissions;
mod weights;
