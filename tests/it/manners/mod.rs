//! What holds for requests of every kind.

mod browsers;
mod content_types;
mod cross_site;
mod docs_page;
mod etags;
mod forgery;
mod idempotency;
mod interrupted;
mod wire;
