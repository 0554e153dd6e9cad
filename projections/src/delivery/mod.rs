//! How it gets there: providers, transmissions with their attempts, and the queue.

pub mod deliveries;
pub mod health;
pub mod providers;
pub mod queue;
pub mod spool_results;
pub mod spools;
pub mod transmissions;
