//! Estimates the offset of the database's clock. Workers on several machines keep one pace
//! by it, whatever their own clocks show.

use std::time::Duration;

use domain::delivery::Spacing;
use tokio::time::Instant;

/// The assumed drift between two clocks, in parts per million.
const DRIFT: i64 = 200;
/// The longest lead of slots over the database's time.
const LONGEST_LEAD: Duration = Duration::from_millis(250);

/// The time window of a slot, on this machine's monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub from: Instant,
    /// Its end.
    pub until: Instant,
    /// The least distance from the slots before it.
    pub spacing: Spacing,
}

impl Window {
    /// Raises the distance from the slots before it, which may make the window shorter.
    pub(super) fn widen(&mut self, spacing: Spacing) {
        self.spacing = self.spacing.max(spacing);
        self.until = self.until.min(self.from + spacing.tolerance());
    }
}

/// Bounds on the database's clock offset. Each answer was made between the request and its
/// arrival; the best of them together give a narrow interval. In microseconds.
#[derive(Debug)]
pub(super) struct ClockOffset {
    origin: Instant,
    offset: Option<Offset>,
    round_trip: Duration,
}

/// The database's clock minus ours lies between `low` and `high`, as of `at`.
#[derive(Clone, Copy, Debug)]
struct Offset {
    low: i64,
    high: i64,
    at: i64,
}

impl ClockOffset {
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
            offset: None,
            round_trip: Duration::ZERO,
        }
    }

    /// Takes in an answer with the database's time.
    pub fn seen(&mut self, sent: Instant, received: Instant, there: i64) {
        let trip = received.saturating_duration_since(sent);
        self.round_trip = trip.max(self.round_trip * 9 / 10);
        let (sent, at) = (self.micros(sent), self.micros(received));
        let new = Offset {
            low: there - at,
            high: there - sent,
            at,
        };
        let known = self.offset.map(|known| {
            let drift = (at - known.at) * DRIFT / 1_000_000 + 1;
            Offset {
                low: new.low.max(known.low - drift),
                high: new.high.min(known.high + drift),
                at,
            }
        });
        // If the intervals are disjoint a clock was set: only the new one holds.
        self.offset = Some(known.filter(|known| known.low <= known.high).unwrap_or(new));
    }

    /// The local window of a slot that begins at `slot` by the database's clock: neither before
    /// the slot begins nor after its tolerance ends, as far as the offset is known.
    pub fn window(&self, slot: i64, spacing: Spacing) -> Window {
        let tolerance = i64::try_from(spacing.tolerance().as_micros()).unwrap_or(i64::MAX);
        let Offset { low, high, .. } = self.offset.unwrap_or(Offset {
            low: 0,
            high: 0,
            at: 0,
        });
        // If the interval is wider than half the tolerance the offset is taken to be near its
        // middle: slots are then less exact, which is better than having none.
        let doubt = (high - low).min(tolerance / 2);
        let middle = low + (high - low) / 2;
        let from = self.instant(slot - (middle - doubt / 2));
        let until = self.instant(slot + tolerance - (middle + doubt / 2));
        Window {
            from,
            until,
            spacing,
        }
    }

    /// The time that an answer may take to arrive, by the round trips so far; at most
    /// [`LONGEST_LEAD`].
    pub fn lead(&self) -> Duration {
        self.round_trip.min(LONGEST_LEAD)
    }

    fn micros(&self, time: Instant) -> i64 {
        let since = time.saturating_duration_since(self.origin);
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn instant(&self, micros: i64) -> Instant {
        self.origin + Duration::from_micros(u64::try_from(micros).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THERE: i64 = 1_000_000_000;
    const TOLERANCE: Duration = Duration::from_millis(20);

    fn spacing() -> Spacing {
        let spacing = Spacing::of_limit(50);
        assert_eq!(spacing.tolerance(), TOLERANCE);
        spacing
    }

    fn after(clock_offset: &ClockOffset, millis: u64) -> Instant {
        clock_offset.origin + Duration::from_millis(millis)
    }

    #[tokio::test(start_paused = true)]
    async fn the_best_answers_together_leave_little_doubt() {
        let mut clock_offset = ClockOffset::new();
        // The database is a second ahead; one request and one answer were slow.
        clock_offset.seen(
            after(&clock_offset, 0),
            after(&clock_offset, 10),
            THERE + 1_009_000,
        );
        clock_offset.seen(
            after(&clock_offset, 20),
            after(&clock_offset, 30),
            THERE + 1_021_000,
        );
        let window = clock_offset.window(THERE + 2_000_000, spacing());
        let ideal = after(&clock_offset, 1_000);
        assert!(window.from >= ideal && window.from < ideal + Duration::from_millis(2));
        let last = ideal + TOLERANCE;
        assert!(window.until <= last && window.until > last - Duration::from_millis(2));
        assert_eq!(clock_offset.lead(), Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_is_believed() {
        let mut clock_offset = ClockOffset::new();
        clock_offset.seen(
            after(&clock_offset, 0),
            after(&clock_offset, 2),
            THERE + 1_000,
        );
        clock_offset.seen(
            after(&clock_offset, 10),
            after(&clock_offset, 12),
            THERE + 3_600_011_000,
        );
        let window = clock_offset.window(THERE + 3_600_111_000, spacing());
        assert!(
            window.from >= after(&clock_offset, 110) && window.from <= after(&clock_offset, 112)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_far_away_is_no_reason_to_wait_for_ever() {
        let mut clock_offset = ClockOffset::new();
        clock_offset.seen(
            after(&clock_offset, 0),
            after(&clock_offset, 200),
            THERE + 100_000,
        );
        let window = clock_offset.window(THERE + 1_000_000, spacing());
        assert!(window.until >= window.from + TOLERANCE / 2);
        assert_eq!(clock_offset.lead(), Duration::from_millis(200));
    }
}
