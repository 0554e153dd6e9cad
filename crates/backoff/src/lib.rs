//! Exponential backoff: pauses between attempts, each twice as long as the one before, up to a
//! longest one.
//!
//! The caller sleeps by itself, because each has something else to wait for as well, such as the
//! end of the process. A pause whose attempts many processes make at the same time is to be
//! spread by the caller.
//!
//! To add a loop of attempts: a constant `Backoff` beside it, of which the loop has a copy. Pauses
//! between further attempts at a transmission are the domain's.

use std::time::Duration;

/// The pauses of one loop of attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses that begin with `first` and grow up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// The next pause, without taking it.
    pub const fn upcoming(&self) -> Duration {
        self.next
    }

    /// Takes the next pause; the one after it is twice as long.
    #[must_use]
    pub fn take(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.longest);
        pause
    }

    /// Begins with the first pause again.
    pub const fn reset(&mut self) {
        self.next = self.first;
    }

    /// True if no pause was taken since the beginning.
    pub fn is_reset(&self) -> bool {
        self.next == self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(20);
    const LONGEST: Duration = Duration::from_millis(100);

    #[test]
    fn each_pause_is_twice_the_one_before_up_to_the_longest() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        let pauses = [(); 5].map(|()| backoff.take().as_millis());
        assert_eq!(pauses, [20, 40, 80, 100, 100]);
    }

    #[test]
    fn a_look_at_the_next_pause_does_not_take_it() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        assert_eq!(backoff.upcoming(), FIRST);
        assert_eq!(backoff.take(), FIRST);
        assert_eq!(backoff.upcoming(), 2 * FIRST);
    }

    #[test]
    fn success_begins_anew() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        assert!(backoff.is_reset());
        let _ = backoff.take();
        assert!(!backoff.is_reset());
        backoff.reset();
        assert_eq!(backoff.take(), FIRST);
    }

    #[test]
    fn pauses_without_a_bound_do_not_overflow() {
        let mut backoff = Backoff::new(FIRST, Duration::MAX);
        for _ in 0..200 {
            let _ = backoff.take();
        }
        assert_eq!(backoff.upcoming(), Duration::MAX);
    }
}
