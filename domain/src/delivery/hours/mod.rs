//! Quiet hours, in which recipients get no messages, in the recipients' time zones.

mod clock_time;
mod quiet;
mod whereabouts;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub use clock_time::ClockTime;
pub use quiet::QuietHours;
pub use whereabouts::zone_of;

use super::schedule::Zone;

/// The quiet hours of a recipient and the time zone they apply in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// The quiet hours.
    pub quiet: QuietHours,
    /// The recipient's time zone.
    pub zone: Zone,
}

impl Hours {
    /// True if `at` is within the quiet hours.
    pub fn is_quiet(&self, at: DateTime<Utc>) -> bool {
        self.quiet.is_quiet(at, self.zone)
    }

    /// The first moment from `at` on that is not quiet.
    pub fn opens(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.quiet.opens(at, self.zone)
    }
}

#[cfg(test)]
mod tests;
