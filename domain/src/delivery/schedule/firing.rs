//! The verdict on a due schedule, and the handling of missed runs.

use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Plan, When};
use crate::values::InvalidValue;

/// The lateness from which a run counts as missed.
pub const GRACE: TimeDelta = TimeDelta::seconds(60);

/// The handling of runs that were missed in an outage.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfMissed {
    /// Run once for all of them.
    #[default]
    Run,
    /// Skip them and go on with the next.
    Skip,
}

impl IfMissed {
    /// The documented name.
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

/// The verdict on a schedule at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The schedule is not due.
    NotYet,
    /// The job is to be run.
    Run,
    /// The run was missed, and is to be recorded as such.
    Skip,
}

impl Plan {
    /// The verdict at this moment.
    pub(super) fn verdict(&self, at: DateTime<Utc>) -> Verdict {
        let late = at - self.next_run;
        match (&self.when, self.if_missed) {
            _ if late < TimeDelta::zero() => Verdict::NotYet,
            (When::Every(_), IfMissed::Skip) if late >= GRACE => Verdict::Skip,
            _ => Verdict::Run,
        }
    }

    /// The run after the present one was run or missed at this moment. After a missed run the next
    /// may be due already, if it is late by less than [`GRACE`].
    pub(super) fn next_run_after(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let from = match self.verdict(at) {
            Verdict::Skip => at - GRACE,
            Verdict::Run | Verdict::NotYet => at,
        };
        self.when.next_after(from, self.zone)
    }
}
