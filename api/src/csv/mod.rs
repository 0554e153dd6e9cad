//! Comma-separated values (RFC 4180), in and out, in constant memory.
//!
//! - [`Rows`]: a request's body, row by row; a bad row is reported and does not stop the others;
//! - [`Table`]: the rows under a header, each read by a [`Layout`] of [`Columns`];
//! - [`Report`]: the result of an import;
//! - [`export`]: an answer written as its rows are read;
//! - [`guarded`] and [`unguarded`]: protection from text that a spreadsheet would run as a formula.

mod body;
mod columns;
mod export;
mod guard;
mod import;
mod report;
mod rows;

pub(crate) use body::{CSV, CsvBody};
pub(crate) use columns::{Columns, folded};
pub(crate) use export::{export, file};
pub(crate) use guard::{guarded, unguarded};
pub(crate) use import::{Layout, ParsedRow, Table, answer, readable, refused_header};
pub(crate) use report::Report;
pub(crate) use rows::{Row, Rows};
