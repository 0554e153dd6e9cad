//! The report of an import.

use serde::Serialize;
use utoipa::ToSchema;

/// The most rejected rows that are listed.
const LISTED: usize = 1_000;

/// The answer to an import.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub(crate) struct Report {
    /// The number of rows that created something.
    pub created: u64,
    /// The number of rows about something that existed already.
    pub updated: u64,
    /// The number of rows that were rejected.
    pub rejected: u64,
    /// The rejected rows, the first 1,000 of them.
    pub rejections: Vec<Rejection>,
    /// The number of rejected rows that are not listed.
    pub rejections_not_listed: u64,
}

/// A rejected row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Rejection {
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    /// The reason of the rejection.
    pub reason: String,
}

impl Report {
    /// Counts a rejected row, and lists it if it is one of the first 1,000.
    pub fn reject(&mut self, line: u64, reason: impl Into<String>) {
        self.rejected += 1;
        if self.rejections.len() < LISTED {
            let reason = reason.into();
            self.rejections.push(Rejection { line, reason });
        } else {
            self.rejections_not_listed += 1;
        }
    }

    /// Sorts the rejections into the order of the file.
    pub fn sorted(mut self) -> Self {
        self.rejections.sort_by_key(|rejection| rejection.line);
        self
    }
}
