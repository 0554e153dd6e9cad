//! Domain model of Ledgerline: aggregates, their commands and events, and the values they are made
//! of.
//!
//! - [`people`], [`access`], [`outreach`], [`delivery`], [`pbx`]: the aggregates, by area;
//! - [`Event`]: the events of all of them; [`Entity`]: the trait of all aggregates;
//! - [`Personal`]: marks the data in events that is sealed; [`Refusal`]: the answer of a decision
//!   that is no;
//! - [`flow`]: the steps that a program is compiled to, and their interpreter;
//! - [`values`]: values that are checked where they enter; [`mod@reference`]: countries, time zones,
//!   calling codes.
//!
//! All code here is pure: no I/O, no clock, no randomness. Inputs of a decision that come from
//! outside (the time, an id, a hash) travel in the command.
//!
//! To add an aggregate: one file in its area, in the order life cycle, state, vocabulary, decision,
//! trait plumbing, tests; then one line in the list of `event.rs`, from which [`Event`] is made.

pub mod access;
pub mod delivery;
mod entity;
mod event;
pub mod flow;
mod id;
pub mod outreach;
mod owner;
mod patch;
pub mod pbx;
pub mod people;
mod personal;
pub mod reference;
mod refusal;
pub mod values;

pub use entity::{Claim, Entity};
pub use event::Event;
pub use id::Id;
pub use owner::{FIRST_TENANT, Owner, Scope, Tenants};
pub use patch::Patch;
pub use personal::{Personal, Subject};
pub use refusal::Refusal;
