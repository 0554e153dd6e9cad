//! Slows down when the message centre throttles.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Mutex as Line,
    time::{Instant, sleep_until},
};

/// The first gap between two messages.
const FIRST: Duration = Duration::from_millis(5);
/// The longest gap.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// The gap below which throttling ends.
const NOTHING: Duration = Duration::from_millis(1);

/// Keeps a gap between messages: doubled with every complaint, an eighth less with every
/// message that is accepted.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    paced: Mutex<Paced>,
    /// The queue of those that wait for a turn. A waiter that gives up just leaves it: only a
    /// waiter that sends takes a turn.
    line: Line<()>,
}

#[derive(Debug, Default)]
struct Paced {
    gap: Duration,
    next: Option<Instant>,
    /// The time until which further complaints do not count: they are about earlier messages.
    deaf_until: Option<Instant>,
}

impl Throttle {
    /// Waits for a turn to send; returns at once while there was no complaint.
    pub async fn turn(&self) {
        if self.next().is_none() {
            return;
        }
        let _first = self.line.lock().await;
        while let Some(turn) = self.next().filter(|turn| *turn > Instant::now()) {
            sleep_until(turn).await;
        }
        self.with(|paced| {
            if !paced.gap.is_zero() {
                paced.next = Some(Instant::now() + paced.gap);
            }
        });
    }

    /// Records a complaint: the message centre throttles.
    pub fn complained(&self) {
        self.with(|paced| {
            let now = Instant::now();
            if paced.deaf_until.is_some_and(|until| until > now) {
                return;
            }
            paced.gap = (paced.gap * 2).clamp(FIRST, MAX_PAUSE);
            paced.deaf_until = Some(now + paced.gap);
            paced.next = paced.next.max(Some(now + paced.gap));
        });
    }

    /// Records that a message was accepted.
    pub fn took(&self) {
        self.with(|paced| {
            paced.gap -= paced.gap / 8;
            if paced.gap < NOTHING {
                *paced = Paced::default();
            }
        });
    }

    /// The time of the next turn; `None` while there was no complaint.
    fn next(&self) -> Option<Instant> {
        self.with(|paced| paced.next)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Paced) -> T) -> T {
        change(&mut self.paced.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waited(throttle: &Throttle) -> Duration {
        let before = Instant::now();
        throttle.turn().await;
        before.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_while_nobody_complains() {
        let throttle = Throttle::default();
        for _ in 0..100 {
            throttle.took();
            assert_eq!(waited(&throttle).await, Duration::ZERO);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn complaints_slow_down_and_what_is_taken_speeds_up_again() {
        let throttle = Throttle::default();
        throttle.complained();
        throttle.turn().await;
        assert_eq!(waited(&throttle).await, FIRST);
        for _ in 0..20 {
            tokio::time::advance(MAX_PAUSE).await;
            throttle.complained();
        }
        throttle.turn().await;
        assert_eq!(waited(&throttle).await, MAX_PAUSE);
        for _ in 0..60 {
            throttle.took();
        }
        assert_eq!(waited(&throttle).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_gives_up_blocks_no_other() {
        let throttle = Throttle::default();
        for _ in 0..20 {
            throttle.complained();
            tokio::time::advance(MAX_PAUSE).await;
        }
        throttle.turn().await;
        let impatient = Duration::from_millis(100);
        for _ in 0..500 {
            let turn = tokio::time::timeout(impatient, throttle.turn());
            if turn.await.is_ok() {
                break;
            }
        }
        assert_eq!(waited(&throttle).await, MAX_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_window_of_complaints_counts_once() {
        let throttle = Throttle::default();
        for _ in 0..50 {
            throttle.complained();
        }
        throttle.turn().await;
        assert_eq!(waited(&throttle).await, FIRST);
    }
}
