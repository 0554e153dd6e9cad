//! Comma-separated values (RFC 4180), in and out, in constant memory.
//!
//! - [`Rows`]: a request's body, row by row; a bad row is reported and does not stop the others;
//! - [`Report`]: the result of an import;
//! - [`export`]: an answer written as its rows are read;
//! - [`guarded`] and [`unguarded`]: protection from text that a spreadsheet would run as a formula.

mod body;
mod export;
mod guard;
mod report;
mod rows;

pub(crate) use body::{CSV, CsvBody};
pub(crate) use export::{export, file};
pub(crate) use guard::{guarded, unguarded};
pub(crate) use report::Report;
pub(crate) use rows::{Row, Rows};
