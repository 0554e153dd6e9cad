//! What holds for requests of every kind.

mod browsers;
mod content_types;
mod cross_site;
mod etags;
mod idempotency;
mod interrupted;
mod wire;
