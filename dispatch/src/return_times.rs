//! The times at which attempts return that found a provider full: one after the other, so that a
//! provider that has stopped answering costs the same few claims however many wait for it.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The least time until an attempt is claimed again.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// The longest time until an attempt is claimed again, however many do.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The least number of attempts that return in a second.
const LEAST_RATE: usize = 64;

/// The line of returning attempts.
#[derive(Debug, Default)]
pub struct ReturnTimes(Mutex<Option<Instant>>);

impl ReturnTimes {
    /// The time at which one more attempt returns, after those before it. In a second there are
    /// twice as many as the provider started in the last one, and no fewer than it could start
    /// on so many channels if each took an eighth of a second, so that it is kept busy.
    pub fn next(&self, now: Instant, channels: usize, started: usize) -> Instant {
        let rate = started.saturating_mul(2).max(channels.saturating_mul(8));
        let rate = u32::try_from(rate.max(LEAST_RATE)).unwrap_or(u32::MAX);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let after = last.map(|last| last + Duration::from_secs(1) / rate);
        let at = (now + LEAST_PAUSE).max(after.unwrap_or(now));
        let at = at.min(now + LONGEST_PAUSE);
        *last = Some(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses, in seconds, of so many attempts that return at the same time.
    fn pauses(count: usize, channels: usize, started: usize) -> Vec<f64> {
        let (times, now) = (ReturnTimes::default(), Instant::now());
        let next = |_| (times.next(now, channels, started) - now).as_secs_f64();
        (0..count).map(next).collect()
    }

    #[test]
    fn attempts_return_in_order_and_not_within_a_second() {
        let pauses = pauses(1_000, 1, 0);
        assert_eq!(pauses[0], 1.0);
        assert!(pauses.is_sorted());
        for second in 1..15 {
            let from = f64::from(second);
            let within = pauses.iter().filter(|it| **it >= from && **it < from + 1.0);
            assert!(within.count() <= LEAST_RATE + 1, "in second {second}");
        }
    }

    #[test]
    fn a_provider_that_works_is_kept_busy() {
        let last = |channels, started| *pauses(1_001, channels, started).last().unwrap();
        assert_eq!(last(1, 500).round(), 2.0, "twice as many as started");
        assert_eq!(last(125, 0).round(), 2.0, "as many as its channels take");
    }

    #[test]
    fn no_pause_is_longer_than_five_minutes() {
        let last = *pauses(100_000, 1, 0).last().unwrap();
        assert_eq!(last, LONGEST_PAUSE.as_secs_f64());
    }

    #[test]
    fn a_job_behind_the_line_waits_a_second() {
        let (times, now) = (ReturnTimes::default(), Instant::now());
        times.next(now, 1, 0);
        let later = now + Duration::from_secs(10);
        assert_eq!(times.next(later, 1, 0), later + LEAST_PAUSE);
    }
}
