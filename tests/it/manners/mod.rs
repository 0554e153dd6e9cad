//! HTTP behaviour that is common to all routes.

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
mod starting;
mod wire;
