//! Pacing: the distance of attempt starts at which no second has too many of them.

use std::time::Duration;

use crate::delivery::Pace;

/// The distance between two slots, and the tolerance for late starts. An attempt starts in its slot
/// or at most the tolerance after the slot's beginning; a later one takes another slot. Then
/// `most + 1` starts always span at least a second: their first and last slots are `most` distances
/// apart, a second and a tolerance, and only the first start can be late by that tolerance.
///
/// Ordered by distance, the longer one being the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spacing {
    distance: Duration,
    tolerance: Duration,
}

const SECOND: f64 = 1e9;

/// The least tolerance, in nanoseconds, whatever it costs the rate.
const LEAST_TOLERANCE: f64 = 20e6;
/// The greatest tolerance, in nanoseconds: after a change of pace, a late start falls among slots
/// that are closer to one another.
const MOST_TOLERANCE: f64 = 100e6;

impl Spacing {
    /// The spacing of a campaign: its pace in the long run, within the two per cent that the
    /// tolerance costs at high rates, and in no second more starts than the pace rounded up plus
    /// one.
    pub fn of_pace(pace: Pace) -> Self {
        let rate = pace.per_second();
        Self::new(rate, rate.ceil() + 1.0)
    }

    /// The spacing of a provider: at most `per_second` starts in any second. Zero counts as one.
    pub fn of_limit(per_second: u32) -> Self {
        let rate = f64::from(per_second.max(1));
        Self::new(rate, rate)
    }

    fn new(rate: f64, most: f64) -> Self {
        let even = SECOND / rate;
        // The tolerance that costs nothing when slots are as far apart as the rate demands.
        let free = (most / rate - 1.0) * SECOND;
        let tolerance = free.clamp(LEAST_TOLERANCE, MOST_TOLERANCE).floor();
        let safe = (SECOND + tolerance) / most;
        Self {
            // Rounded up: a nanosecond less would allow one start too many.
            distance: Duration::from_nanos(even.max(safe).ceil() as u64),
            tolerance: Duration::from_nanos(tolerance as u64),
        }
    }

    /// The time from the beginning of one slot to that of the next.
    pub const fn duration(self) -> Duration {
        self.distance
    }

    /// The time after its beginning for which a slot may still be used.
    pub const fn tolerance(self) -> Duration {
        self.tolerance
    }
}

#[cfg(test)]
mod tests;
