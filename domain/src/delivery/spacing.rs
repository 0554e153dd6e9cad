//! How far apart starts must be, so that no second ever holds too many of them.

use std::time::Duration;

use crate::delivery::Pace;

/// The distance between two slots. A start takes place in its slot or at most
/// [`TOLERANCE`](Self::TOLERANCE) after its beginning; what comes later takes another
/// slot. Then `most + 1` starts always span at least a second: their first and last
/// slots are `most` spacings apart, a second and a tolerance, and only the first start
/// can be late by that tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spacing(Duration);

const SECOND: f64 = 1e9;

impl Spacing {
    /// How long after its beginning a slot may still be used.
    pub const TOLERANCE: Duration = Duration::from_millis(20);

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
        let safe = (SECOND + Self::TOLERANCE.as_nanos() as f64) / most;
        // Rounded up: a nanosecond too few would be one start too many.
        Self(Duration::from_nanos(even.max(safe).ceil() as u64))
    }

    /// From the beginning of one slot to that of the next.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests;
