//! The rhythm in which a campaign's transmissions are queued: evenly, a little ahead of the
//! moment at which a worker starts each.

use std::time::Duration;

use tokio::time::Instant;

/// The time for which a transmission is queued ahead of its moment.
const LEAD: Duration = Duration::from_millis(500);

/// The rhythm of one campaign.
#[derive(Debug)]
pub(super) struct Rhythm {
    /// The moment of the next transmission.
    next: Instant,
    /// The pace at the last call of [`Rhythm::due`], per second.
    per_second: f64,
}

impl Rhythm {
    pub fn new(now: Instant) -> Self {
        Self {
            next: now,
            per_second: 0.0,
        }
    }

    /// The number of transmissions due at this pace. Missed ones are not caught up with.
    pub fn due(&mut self, per_second: f64, now: Instant) -> usize {
        self.next = self.next.max(now);
        let ahead = now + LEAD;
        if per_second > self.per_second {
            // A raised pace does not wait for the next beat of the old one.
            let beat = Duration::from_secs_f64(1.0 / per_second);
            self.next = self.next.min(now + beat);
        }
        self.per_second = per_second;
        match ahead.checked_duration_since(self.next) {
            Some(stretch) => (stretch.as_secs_f64() * per_second) as usize + 1,
            None => 0,
        }
    }

    /// Counts transmissions that were queued.
    pub fn spend(&mut self, count: usize, per_second: f64) {
        self.next += Duration::from_secs_f64(count as f64 / per_second);
    }

    /// The time until the next transmission is due.
    pub fn pause(&self, now: Instant) -> Duration {
        self.next
            .saturating_duration_since(now)
            .saturating_sub(LEAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number queued within `seconds`, in steps of `every` milliseconds.
    fn queued(per_second: f64, seconds: u64, every: u64) -> usize {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(start);
        let mut count = 0;
        for step in 0..seconds * 1_000 / every {
            let now = start + Duration::from_millis(step * every);
            let due = rhythm.due(per_second, now);
            rhythm.spend(due, per_second);
            count += due;
        }
        count
    }

    #[tokio::test]
    async fn as_many_are_queued_as_the_pace_says() {
        for (per_second, seconds) in [(0.5, 60), (1.0, 60), (7.3, 30), (250.0, 10), (5_000.0, 4)] {
            let wanted = per_second * seconds as f64;
            let ahead = per_second * LEAD.as_secs_f64() + 2.0;
            let got = queued(per_second, seconds, 100) as f64;
            assert!(
                got >= wanted - 1.0 && got <= wanted + ahead,
                "{per_second} a second: {got} of {wanted}"
            );
        }
    }

    #[tokio::test]
    async fn after_a_pause_nothing_is_caught_up_with() {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(start);
        let later = start + Duration::from_secs(60);
        assert_eq!(rhythm.due(10.0, later), 6);
    }

    #[tokio::test]
    async fn a_pace_that_is_raised_holds_at_once() {
        let start = Instant::now();
        let mut rhythm = Rhythm::new(start);
        let due = rhythm.due(0.001, start);
        rhythm.spend(due, 0.001);
        assert_eq!(rhythm.due(0.001, start), 0);
        assert!(rhythm.due(10.0, start) >= 4);
    }
}
