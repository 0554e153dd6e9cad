//! When a schedule fires, and what becomes of what it missed.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Plan, When};
use crate::values::InvalidValue;

/// How late is not yet missed.
pub const GRACE: TimeDelta = TimeDelta::seconds(60);

/// What is done, after an outage, about the times that passed in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfMissed {
    /// It runs once for all of them.
    #[default]
    Run,
    /// It goes on with the next.
    Skip,
}

impl IfMissed {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Skip => "skip",
        }
    }
}

impl FromStr for IfMissed {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "run" => Ok(Self::Run),
            "skip" => Ok(Self::Skip),
            _ => Err(InvalidValue::Form("must be run or skip")),
        }
    }
}

/// What it is time for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing: it is not due.
    NotYet,
    /// To do what it is for.
    Run,
    /// To put down that it was missed.
    Skip,
}

impl Plan {
    /// What it is time for.
    pub(super) fn verdict(&self, at: DateTime<Utc>) -> Verdict {
        let late = at - self.next_run;
        match (&self.when, self.if_missed) {
            _ if late < TimeDelta::zero() => Verdict::NotYet,
            (When::Every(_), IfMissed::Skip) if late >= GRACE => Verdict::Skip,
            _ => Verdict::Run,
        }
    }

    /// When it is due next, after it ran or was missed. What was missed may be followed
    /// by a time that is due already, and not yet missed.
    pub(super) fn next_run_after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let from = match self.verdict(at) {
            Verdict::Skip => at - GRACE,
            Verdict::Run | Verdict::NotYet => at,
        };
        self.when.next_after(from, self.zone)
    }
}
