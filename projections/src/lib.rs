//! Projections of the log: read models that follow it a moment behind, and the reads on them.
//!
//! - [`Projection`]: turns events into rows; [`all`] is the list of projections, and
//!   [`subscribers`] the same as subscribers to the log, which `eventstore` runs.
//! - [`rebuild`](rebuild::rebuild): rebuilds a projection beside the running server.
//! - [`View`]: a row as clients see it; [`find`], [`list`] and [`count`] read any of them.
//! - [`statistics`]: sums of the counters that projections keep beside their rows.
//!
//! This crate owns schema `read`. What causes work, such as the queue, is no read model and belongs
//! to `dispatch`.
//!
//! To add a read model: its tables, indexes and comments in a migration (schema `read`);
//! one file in its area with the row, the filter, `apply` and the reads that only it has;
//! its names in the `registered!` of the area's `mod.rs`. For a list also `read.make_listable` in
//! the migration (`docs/decisions/0021-lists.md`). `apply` names tables without their
//! schema, because the same statements fill the table beside the old one during a rebuild,
//! and takes everything, times included, from the events, because a rebuild must come to
//! the same rows.

pub mod access;
mod counts;
pub mod delivery;
pub mod outreach;
pub mod pbx;
pub mod people;
mod projection;
pub mod reads;
pub mod rebuild;
mod registered;
mod registry;
pub mod statistics;
#[cfg(test)]
mod tests;
mod wire;
mod writes;

pub use projection::{Projection, subscribers};
pub use reads::{BadQuery, By, Cursor, Finders, Page, Paged, Query, View, count, find, list, page};
pub use registered::{Registered, ViewVisitor};
pub use registry::{all, views};
