//! Outbound delivery and inbound traffic: the worker that claims queued attempts, and one
//! adapter for each protocol.
//!
//! - [`Worker`]: makes the attempts, as far as `dispatch` lets them start;
//! - [`Gateway`]: the trait of the adapters: [`smtp`], [`kannel`], [`smpp`], [`sandbox`];
//! - [`Registry`]: the providers, their adapters, and the choice among them; `endpoints` are what
//!   the providers of a protocol share in this process, whatever becomes of their settings;
//! - [`reports`] and [`callbacks`]: reports on accepted messages;
//! - [`Entrance`]: all that comes in, by any protocol; [`inbound_mail`]: the mail server, and returned
//!   mail;
//! - [`compose`] and [`content`]: messages as they go out; [`codes`]: verification codes, which go
//!   past the queue;
//! - [`unsubscribe`]: the page behind the link in mails;
//! - [`network`]: the only way to a provider's address.
//!
//! An adapter is one file until its protocol earns a folder: a configuration, a
//! constructor, `impl Gateway`, tests. To add an adapter: the file, a line in
//! `registry/adapters.rs`, its provider type in `ProviderKind::has_gateway` (sending
//! counts only the types that have an adapter), and a call of `contract_suite::run` in its tests.

pub mod callbacks;
pub mod codes;
pub mod compose;
pub mod content;
pub mod email;
mod endpoints;
pub mod entrance;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod gateway;
pub mod inbound_mail;
pub mod inbox;
pub mod kannel;
pub mod network;
mod pool;
mod registry;
pub mod reports;
pub mod sandbox;
pub mod smpp;
mod sms;
pub mod smtp;
mod tls;
pub mod unsubscribe;
mod words;
mod worker;

#[cfg(test)]
mod contract_suite;

pub use content::Content;
pub use entrance::{Entrance, InboundAnswer};
pub use gateway::{
    Accepted, Cancelled, Ended, GOODBYE, Gateway, Health, InboundCall, NotOurs, Report, Session,
    Spool,
};
pub use registry::{Channel, Installation, Registry};
pub use worker::{Worker, WorkerConfig};
