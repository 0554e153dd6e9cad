//! Ledgerline through its front door: the real binary, a real Postgres, real peers.
//!
//! One binary, one folder for each area. A test reads aloud: its name is a sentence, its set-up
//! is one line, its claim another. To add a test: a function in the file of its area; shared code
//! is in [`harness`]. If a peer is missing, the test fails and names it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what tests stand on fails as they do"
)]

mod harness;

mod access;
mod architecture;
mod chaos;
mod contract;
mod delivery;
mod events;
mod import_circles;
mod input;
mod manners;
mod metrics;
mod modules;
mod outreach;
mod pbx;
mod people;
mod projections;
mod readme;
mod upgrade;
