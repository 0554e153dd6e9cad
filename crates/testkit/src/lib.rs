//! Peers and set-ups of tests that more than one crate needs; only ever a dev-dependency.
//!
//! A helper belongs here once tests of a second crate need it: a file, and a line below. The crate
//! depends on none that use it in their own tests. Those are compiled once more for them, and
//! would meet a second version of their types here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a set-up that fails ends the test"
)]

mod centre;
mod postgres;
mod programs;

pub use self::{centre::Centre, postgres::ScratchPostgres, programs::python};
