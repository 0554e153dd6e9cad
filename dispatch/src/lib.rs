//! Dispatch: who may start which attempt, and when. The owner of schema `dispatch`.
//!
//! - [`queue`]: the attempts that are due, and the statements by which workers claim them under a
//!   lease; [`queue::Feed`] fills it from the log.
//! - [`backlog`]: transmissions of campaigns that are not queued yet, and what else the policy that
//!   paces campaigns reads.
//! - [`slots`]: the starts of attempts per second, for campaigns' paces and providers' limits.
//! - [`RateLimiter`](rate_limiter::RateLimiter): takes slots ahead, on the database's clock.
//! - [`channels`]: the shares of workers in a provider's concurrency limit.
//! - [`Permits`](permits::Permits): a concurrency limit in this process, with two lanes.
//! - [`capacity`]: bounds on the attempts that a worker holds, in all and at each provider.
//! - [`ReturnTimes`](return_times::ReturnTimes): when attempts return that found a provider full.
//! - [`Leases`](leases::Leases): the claims that this worker holds.
//! - [`CircuitBreaker`](circuit_breaker::CircuitBreaker): keeps attempts away from a provider that
//!   fails.
//! - [`Campaigns`](campaigns::Campaigns): the states of campaigns, cached for a moment.
//! - [`ExclusiveLease`](exclusive_lease::ExclusiveLease): what one worker at a time may do.
//! - [`parts`]: parts of long messages that have come in.
//! - [`health`]: the reports of workers on providers.
//! - [`WorkSignal`]: wakes workers.
//!
//! Nothing here is a read model: the rows cause work, are committed durably where somebody acts
//! on them, and are never rebuilt. No other crate names a table of schema `dispatch`.
//!
//! To add a limit on starts: its table in a migration (schema `dispatch`), one file with the
//! statements, and the question in the worker, which asks before an attempt is started.

pub mod backlog;
pub mod campaigns;
pub mod capacity;
pub mod channels;
pub mod circuit_breaker;
pub mod exclusive_lease;
pub mod health;
pub mod leases;
pub mod parts;
pub mod permits;
pub mod queue;
pub mod rate_limiter;
pub mod return_times;
mod signal;
pub mod slots;
#[cfg(test)]
mod tests;

pub use signal::WorkSignal;
