//! Failures without lasting effect: real processes, killed while mails are sent and calls last.

mod bad_peer;
mod call_interrupted;
mod campaign_killed;
mod log_unread;
mod postgres_killed;
mod server_killed;
mod stopped_gently;
mod storm;
mod verdict;
mod worker_frozen;
