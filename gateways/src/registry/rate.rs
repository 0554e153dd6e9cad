//! A counter of events in the last minute.

use tokio::time::Instant;

const SECONDS: usize = 60;

/// A count for each of the last sixty seconds.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    since: Instant,
    second: u64,
    counts: [u32; SECONDS],
}

impl Rate {
    pub fn new() -> Self {
        Self {
            since: Instant::now(),
            second: 0,
            counts: [0; SECONDS],
        }
    }

    /// Counts an event at the present time.
    pub fn count(&mut self) {
        self.advance();
        let now = self.second as usize % SECONDS;
        self.counts[now] = self.counts[now].saturating_add(1);
    }

    /// The number of events in the last minute.
    pub fn of_last_minute(&mut self) -> u32 {
        self.advance();
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The number of events in the last second that is over.
    pub fn of_last_second(&mut self) -> u32 {
        self.advance();
        let last = (self.second as usize + SECONDS - 1) % SECONDS;
        self.counts[last]
    }

    /// Clears the counts of the seconds that have passed since the last call.
    fn advance(&mut self) {
        let now = self.since.elapsed().as_secs();
        let passed = now.saturating_sub(self.second).min(SECONDS as u64);
        for step in 1..=passed {
            self.counts[(self.second + step) as usize % SECONDS] = 0;
        }
        // After more than a minute all counts are zero, whichever is next.
        self.second = now;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn counts_older_than_a_minute_are_dropped() {
        let mut rate = Rate::new();
        rate.count();
        rate.count();
        tokio::time::advance(Duration::from_secs(30)).await;
        rate.count();
        assert_eq!(rate.of_last_minute(), 3);
        assert_eq!(rate.of_last_second(), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(rate.of_last_second(), 1);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(rate.of_last_minute(), 1);
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(rate.of_last_minute(), 0);
        rate.count();
        assert_eq!(rate.of_last_minute(), 1);
    }
}
