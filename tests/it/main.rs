//! Ledgerline through its front door: the real binary, a real Postgres, real peers.
//!
//! One binary, one folder for each area. A test reads aloud: its name is a sentence,
//! its set-up one line, its claim one. To add one: a function in the file of its
//! area; what many need is in [`harness`]. A peer that is missing fails by name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what tests stand on fails as they do"
)]

mod harness;

mod access;
mod chaos;
mod contract;
mod delivery;
mod events;
mod input;
mod manners;
mod outreach;
mod people;
mod projections;
mod readme;
mod upgrade;
