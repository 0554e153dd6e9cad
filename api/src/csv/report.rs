//! What an import came to.

use serde::Serialize;
use utoipa::ToSchema;

/// How many rejected rows are listed.
const LISTED: usize = 1_000;

/// The answer to an import.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub(crate) struct Report {
    /// Rows that made something new.
    pub created: u64,
    /// Rows that were about something there already.
    pub updated: u64,
    /// Rows that could not be taken in.
    pub rejected: u64,
    /// Those rows, the first 1,000 of them.
    pub rejections: Vec<Rejection>,
    /// How many more there are.
    pub rejections_not_listed: u64,
}

/// A row that could not be taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Rejection {
    /// The line of the file on which it begins, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl Report {
    /// Notes that a row could not be taken in.
    pub fn reject(&mut self, line: u64, reason: impl Into<String>) {
        self.rejected += 1;
        if self.rejections.len() < LISTED {
            let reason = reason.into();
            self.rejections.push(Rejection { line, reason });
        } else {
            self.rejections_not_listed += 1;
        }
    }

    /// In the order of the file.
    pub fn sorted(mut self) -> Self {
        self.rejections.sort_by_key(|rejection| rejection.line);
        self
    }
}
