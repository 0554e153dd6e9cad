//! Peers and set-ups of tests that more than one crate needs; only ever a dev-dependency.
//!
//! A helper belongs here once tests of a second crate need it: a file, and a line below.
//!
//! The unit tests of a crate are compiled from it once more, and its types there are others than
//! those that this crate links. So of the crates whose tests use it, it depends on `eventstore`
//! only, and the tests of `eventstore` use nothing of it that names a type of theirs:
//! [`ScratchPostgres`], not [`ScratchLog`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a set-up that fails ends the test"
)]

mod centre;
mod log;
mod postgres;
mod programs;
pub mod transmissions;

pub use self::{
    centre::Centre,
    log::{Following, ScratchLog},
    postgres::ScratchPostgres,
    programs::python,
};
