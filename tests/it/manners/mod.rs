//! What holds for requests of every kind.

mod browsers;
mod connections;
mod content_types;
mod cross_site;
mod docs_page;
mod etags;
mod forgery;
mod health;
mod idempotency;
mod interrupted;
mod wire;
