//! The command side: the bus, through which every change is made, and its services.
//!
//! [`Commands::send`] loads an aggregate, lets it decide, appends its events and answers with
//! their position in the log.
//!
//! - [`media`] holds the bytes that events name; [`envelope`] encrypts those of a person.
//! - [`sending`] looks up the preconditions of a send, and [`suppression`] the do-not-contact
//!   lists.
//! - [`receiving`] takes in inbound messages.
//! - [`routing`] keeps the configuration of PBXs in memory, for decisions on calls.
//! - [`addresses`] holds the rights of accounts to their addresses, and [`verification`] proves
//!   that an account's holder reads the messages to an address.
//! - [`deprovisioning`] ends the accounts and schedules of a user who leaves.
//! - [`policies`] turns events into commands: one file for each policy, named by its effect.
//!
//! The command side registers nothing: commands can be sent to every aggregate in `domain`. To add
//! what several aggregates, or the API and a policy, have in common: a module of its own here. To
//! add a policy: see [`policies`].

pub mod addresses;
mod bus;
pub mod deprovisioning;
pub mod envelope;
mod error;
pub mod flows;
pub mod media;
pub mod policies;
pub mod receiving;
pub mod routing;
pub mod sandbox;
pub mod sending;
pub mod suppression;
pub mod verification;

pub use bus::{Actor, AtomicAppend, Commands};
pub use error::CommandError;
