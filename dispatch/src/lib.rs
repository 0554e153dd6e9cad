//! Dispatch: who may start which attempt, and when. The owner of schema `dispatch`.
//!
//! - [`queue`]: the attempts that are due, and the statements by which workers claim them under a
//!   lease; [`queue::Feed`] fills it from the log.
//! - [`backlog`]: transmissions of campaigns that are not queued yet.
//! - [`slots`]: the starts of attempts per second, for campaigns' paces and providers' limits.
//! - [`channels`]: the shares of workers in a provider's concurrency limit.
//! - [`health`]: the reports of workers on providers.
//! - [`WorkSignal`]: wakes workers.
//!
//! Nothing here is a read model: the rows cause work, are committed durably where somebody acts
//! on them, and are never rebuilt. No other crate names a table of schema `dispatch`.
//!
//! To add a limit on starts: its table in a migration (schema `dispatch`), one file with the
//! statements, and the question in the worker, which asks before an attempt is started.

pub mod backlog;
pub mod channels;
pub mod health;
pub mod queue;
mod signal;
pub mod slots;
#[cfg(test)]
mod tests;

pub use signal::WorkSignal;
