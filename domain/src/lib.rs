//! What Ledgerline knows and the rules it keeps: aggregates, their commands and
//! events, and the values they are made of.
//!
//! Everything here is pure. There is no I/O, no clock and no randomness: what a
//! decision needs from outside (the time, an id, a hash) travels in the command.
//!
//! To add an aggregate: one file in its area (`people`, `access`, `outreach`,
//! `delivery`), in the order life, state, vocabulary, decision, plumbing, tests;
//! then one line in [`Event`] and [`Event::decode`].

pub mod access;
pub mod delivery;
mod entity;
mod event;
pub mod flow;
mod id;
pub mod outreach;
mod patch;
pub mod people;
mod personal;
pub mod reference;
mod refusal;
pub mod values;

pub use entity::{Claim, Entity};
pub use event::Event;
pub use id::Id;
pub use patch::Patch;
pub use personal::{Personal, Subject};
pub use refusal::Refusal;
