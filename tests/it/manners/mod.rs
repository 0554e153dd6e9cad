//! What holds for requests of every kind.

mod idempotency;
mod interrupted;
