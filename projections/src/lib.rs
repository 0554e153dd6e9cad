//! Projections of the log: read models that follow it a moment behind, the reads on them, and
//! the dispatch queue.
//!
//! - [`Projection`]: turns events into rows; [`all`] is the list of projections.
//! - [`Projector`]: runs the projections on a few shared connections, with one leader each.
//! - [`Watermarks`]: the position of each projection, so that a write can be answered once it can
//!   be read.
//! - [`rebuild`](rebuild::rebuild): rebuilds a projection beside the running server.
//! - [`View`]: a row as clients see it; [`find`], [`list`] and [`count`] read any of them.
//!
//! To add a read model: its tables, indexes and comments in a migration (schema `read`);
//! one file in its area with the row, the filter, `apply` and the reads that only it has;
//! one line in [`all`]. For a list also `read.make_listable` in the migration and a line in
//! `tests/plans.rs` (`docs/decisions/0021-lists.md`). `apply` names tables without their
//! schema, because the same statements fill the table beside the old one during a rebuild,
//! and takes everything, times included, from the events, because a rebuild must come to
//! the same rows.

pub mod access;
mod counts;
pub mod delivery;
pub mod outreach;
pub mod people;
mod projection;
mod projector;
mod queue_signal;
pub mod reads;
pub mod rebuild;
mod source;
pub mod statistics;
#[cfg(test)]
mod tests;
mod watermarks;
mod wire;

pub use projection::{Projection, all};
pub use projector::Projector;
pub use queue_signal::QueueSignal;
pub use reads::{
    BadQuery, By, Cursor, Finders, Page, Paged, Query, Scope, View, count, find, list, page,
};
pub use watermarks::{ProjectionStatus, Stopped, Watermarks, is_behind};
