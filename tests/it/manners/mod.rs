//! What holds for requests of every kind.

mod browsers;
mod etags;
mod idempotency;
mod interrupted;
mod wire;
