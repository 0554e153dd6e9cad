//! Delivery: providers, transmissions with their attempts, campaigns, schedules, and the dispatch
//! queue.

pub mod backlog;
pub mod campaign_progress;
pub mod campaigns;
pub mod channels;
pub mod deliveries;
pub mod health;
pub mod messages;
pub mod providers;
pub mod queue;
pub mod schedules;
pub mod slots;
pub mod spool_results;
pub mod spools;
pub mod transmissions;
