//! How far apart starts must be, so that no second ever holds too many of them.

use std::time::Duration;

use crate::delivery::Pace;

/// The distance between two slots, and how late a start may come to its own. A start
/// takes place in its slot or at most the tolerance after its beginning; what comes later
/// takes another slot. Then `most + 1` starts always span at least a second: their first
/// and last slots are `most` distances apart, a second and a tolerance, and only the first
/// start can be late by that tolerance.
///
/// The greater of two is the one with the longer distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spacing {
    distance: Duration,
    tolerance: Duration,
}

const SECOND: f64 = 1e9;

/// A start may be late by this much, whatever it costs the rate.
const LEAST_TOLERANCE: f64 = 20e6;
/// And by no more than this: where the pace changes, what is late is among slots that are
/// closer to one another.
const MOST_TOLERANCE: f64 = 100e6;

impl Spacing {
    /// A campaign's: in the long run its pace, within the two per cent that the
    /// tolerance costs a fast one, and never more than that rounded up plus one in any
    /// second.
    pub fn of_pace(pace: Pace) -> Self {
        let rate = pace.per_second();
        Self::new(rate, rate.ceil() + 1.0)
    }

    /// A provider's: never more starts than these in any second. Nothing counts as one.
    pub fn of_limit(per_second: u32) -> Self {
        let rate = f64::from(per_second.max(1));
        Self::new(rate, rate)
    }

    fn new(rate: f64, most: f64) -> Self {
        let even = SECOND / rate;
        // With slots as far apart as the rate has them, so much costs nothing.
        let free = (most / rate - 1.0) * SECOND;
        let tolerance = free.clamp(LEAST_TOLERANCE, MOST_TOLERANCE).floor();
        let safe = (SECOND + tolerance) / most;
        Self {
            // Rounded up: a nanosecond too few would be one start too many.
            distance: Duration::from_nanos(even.max(safe).ceil() as u64),
            tolerance: Duration::from_nanos(tolerance as u64),
        }
    }

    /// From the beginning of one slot to that of the next.
    pub const fn duration(self) -> Duration {
        self.distance
    }

    /// How long after its beginning a slot may still be used.
    pub const fn tolerance(self) -> Duration {
        self.tolerance
    }
}

#[cfg(test)]
mod tests;
