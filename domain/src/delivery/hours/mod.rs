//! Quiet hours: when people are left alone, by the clocks where they are.

mod clock_time;
mod quiet;
mod whereabouts;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use clock_time::ClockTime;
pub use quiet::QuietHours;
pub use whereabouts::zone_of;

use super::schedule::Zone;

/// Somebody's quiet hours: which, and by whose clocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Which.
    pub quiet: QuietHours,
    /// By whose clocks.
    pub zone: Zone,
}

impl Hours {
    /// If nothing may go out now.
    pub fn is_quiet(&self, at: DateTime<Utc>) -> bool {
        self.quiet.is_quiet(at, self.zone)
    }

    /// When something may go out: now, or at the end of the quiet.
    pub fn opens(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.quiet.opens(at, self.zone)
    }
}

#[cfg(test)]
mod tests;
