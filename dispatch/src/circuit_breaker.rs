//! The circuit breaker of a provider: it opens after failures in a row, and a probe closes it.
//!
//! `Closed → Open → HalfOpen → Closed`, or back to open. Each worker judges for
//! itself. Time is a parameter.

use std::time::Duration;

use domain::delivery::Outcome;
use tokio::time::Instant;

/// Attempts in a row that did not reach the provider, after which the circuit opens.
pub const UNREACHED: u32 = 5;
/// Attempts in a row that the provider deferred, after which the circuit opens: more, since
/// some (greylisting) defer every recipient once.
pub const DEFERRED: u32 = 50;
/// The time for which the circuit is open at first.
pub const FIRST_OPEN: Duration = Duration::from_secs(5);
/// The longest time for which it is open: each failed probe doubles the time before.
pub const LONGEST_OPEN: Duration = Duration::from_secs(300);
/// The pause before an attempt asks again while a probe is in flight.
pub const PROBE_PAUSE: Duration = Duration::from_millis(500);

/// The conclusion about a provider from an attempt's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The provider took the message.
    Delivered,
    /// The provider was reached, and refused or could not reach this recipient.
    Answered,
    /// The provider was reached, and deferred the attempt.
    Deferred,
    /// The provider was not reached.
    Unreached,
    /// No conclusion: the attempt did not get as far as the provider, or its outcome is unknown.
    Nothing,
}

impl Verdict {
    /// The conclusion from an outcome, and from whether the provider was connected to.
    pub fn from_outcome(outcome: Outcome, connected: bool) -> Self {
        match (outcome, connected) {
            (Outcome::Delivered, _) => Self::Delivered,
            (Outcome::Rejected | Outcome::Unanswered, true) => Self::Answered,
            (Outcome::Unavailable, true) => Self::Deferred,
            (Outcome::Unavailable, false) => Self::Unreached,
            (Outcome::Rejected | Outcome::Unanswered | Outcome::Unknown, _) => Self::Nothing,
        }
    }
}

/// The state of a provider's circuit, as this worker has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Attempts are let through.
    Closed,
    /// Attempts are kept away.
    Open {
        /// The time from which on one attempt, the probe, is let through.
        until: Instant,
    },
    /// The probe is in flight.
    HalfOpen,
}

impl BreakerState {
    /// The documented name, in answers and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "working",
            Self::Open { .. } => "resting",
            Self::HalfOpen => "probing",
        }
    }
}

/// The circuit breaker of one provider.
#[derive(Clone, Debug)]
pub struct CircuitBreaker {
    state: BreakerState,
    unreached: u32,
    deferred: u32,
    open_for: Duration,
}

impl Default for CircuitBreaker {
    /// A closed circuit.
    fn default() -> Self {
        Self {
            state: BreakerState::Closed,
            unreached: 0,
            deferred: 0,
            open_for: FIRST_OPEN,
        }
    }
}

impl CircuitBreaker {
    /// The present state.
    pub fn state(&self) -> BreakerState {
        self.state
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.unreached.saturating_add(self.deferred)
    }

    /// The time from which on an attempt is let through; `None`: at once.
    pub fn refuses_until(&self, now: Instant) -> Option<Instant> {
        match self.state {
            BreakerState::Closed => None,
            BreakerState::Open { until } => Some(until).filter(|until| *until > now),
            BreakerState::HalfOpen => Some(now + PROBE_PAUSE),
        }
    }

    /// Lets an attempt through; true if it is the probe. To be called only while
    /// [`refuses_until`](Self::refuses_until) is `None`.
    pub fn admit(&mut self) -> bool {
        let probe = matches!(self.state, BreakerState::Open { .. });
        if probe {
            self.state = BreakerState::HalfOpen;
        }
        probe
    }

    /// Records the verdict on an attempt, the probe or another one.
    pub fn ended(&mut self, verdict: Verdict, probe: bool, now: Instant) {
        match verdict {
            Verdict::Delivered => (self.unreached, self.deferred) = (0, 0),
            Verdict::Answered => self.unreached = 0,
            Verdict::Deferred => {
                self.unreached = 0;
                self.deferred = self.deferred.saturating_add(1);
            }
            Verdict::Unreached => self.unreached = self.unreached.saturating_add(1),
            Verdict::Nothing => {}
        }
        match (self.state, verdict) {
            // Attempts from before the circuit opened say nothing new about the provider.
            (BreakerState::Open { .. }, _) => {}
            (BreakerState::HalfOpen, _) if !probe => {}
            (BreakerState::HalfOpen, Verdict::Nothing) => {
                self.state = BreakerState::Open { until: now }
            }
            (BreakerState::HalfOpen, Verdict::Unreached) => {
                self.open_for = (self.open_for * 2).min(LONGEST_OPEN);
                self.open(now);
            }
            // The provider is reachable. If it defers everything the circuit opens again before
            // long.
            (BreakerState::HalfOpen, _) => {
                *self = Self {
                    deferred: self.deferred.min(DEFERRED / 2),
                    ..Self::default()
                };
            }
            (BreakerState::Closed, _) => {
                if self.unreached >= UNREACHED || self.deferred >= DEFERRED {
                    self.open_for = FIRST_OPEN;
                    self.open(now);
                }
            }
        }
    }

    fn open(&mut self, now: Instant) {
        self.state = BreakerState::Open {
            until: now + self.open_for,
        };
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    fn opened(now: Instant) -> CircuitBreaker {
        let mut breaker = CircuitBreaker::default();
        for _ in 0..UNREACHED {
            assert_eq!(breaker.state(), BreakerState::Closed);
            assert!(!breaker.admit());
            breaker.ended(Verdict::Unreached, false, now);
        }
        breaker
    }

    #[test]
    fn an_unreachable_provider_opens_the_circuit_and_is_probed_by_one() {
        let start = Instant::now();
        let mut breaker = opened(start);
        assert_eq!(breaker.refuses_until(start), Some(start + FIRST_OPEN));
        let now = after(start, 5);
        assert_eq!(breaker.refuses_until(now), None);
        assert!(breaker.admit(), "the probe");
        assert!(breaker.refuses_until(now).is_some(), "and nobody else");
        breaker.ended(Verdict::Delivered, true, now);
        assert_eq!(
            (breaker.state(), breaker.failures()),
            (BreakerState::Closed, 0)
        );
    }

    #[test]
    fn the_circuit_stays_open_longer_each_time_until_it_was_reached() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        let mut rests = Vec::new();
        for _ in 0..8 {
            let until = breaker.refuses_until(now).unwrap();
            rests.push((until - now).as_secs());
            now = until;
            breaker.admit();
            breaker.ended(Verdict::Unreached, true, now);
        }
        assert_eq!(rests, [5, 10, 20, 40, 80, 160, 300, 300]);
        now = breaker.refuses_until(now).unwrap();
        breaker.admit();
        breaker.ended(Verdict::Answered, true, now);
        for _ in 0..UNREACHED {
            breaker.ended(Verdict::Unreached, false, now);
        }
        assert_eq!(breaker.refuses_until(now), Some(now + FIRST_OPEN));
    }

    #[test]
    fn a_probe_that_comes_to_nothing_leaves_its_place_to_the_next() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let now = after(start, 5);
        breaker.admit();
        breaker.ended(Verdict::Nothing, true, now);
        assert_eq!(breaker.refuses_until(now), None);
        assert!(breaker.admit());
    }

    #[test]
    fn attempts_from_before_the_rest_change_nothing() {
        let start = Instant::now();
        let mut breaker = opened(start);
        breaker.ended(Verdict::Unreached, false, after(start, 3));
        assert_eq!(breaker.refuses_until(start), Some(start + FIRST_OPEN));
        breaker.admit();
        breaker.ended(Verdict::Unreached, false, after(start, 6));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }

    #[test]
    fn a_provider_that_defers_everything_opens_the_circuit_again_and_again() {
        let mut now = Instant::now();
        let mut breaker = CircuitBreaker::default();
        for rests in 0..3 {
            let mut let_through = 0;
            while breaker.refuses_until(now).is_none() {
                let probe = breaker.admit();
                breaker.ended(Verdict::Deferred, probe, now);
                let_through += 1;
            }
            assert!(let_through >= DEFERRED / 2, "{rests}: {let_through}");
            assert_eq!(breaker.refuses_until(now), Some(now + FIRST_OPEN));
            now += FIRST_OPEN;
        }
    }

    /// Whatever happens: an open circuit lets no attempt through, at most one probe is in
    /// flight, and a provider that works again is used again.
    #[test]
    fn a_script_of_troubles_never_lets_two_probes_through() {
        let seed = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let mut now = Instant::now();
        let (mut breaker, mut open) = (CircuitBreaker::default(), Vec::new());
        for step in 0..20_000 {
            now += Duration::from_millis(random.random_range(0..400));
            let down = (step / 500) % 2 == 1;
            if breaker.refuses_until(now).is_none() {
                let resting = breaker.state() != BreakerState::Closed;
                let probe = breaker.admit();
                assert_eq!(resting, probe, "seed {seed}, step {step}");
                open.push(probe);
            }
            let probes = open.iter().filter(|probe| **probe).count();
            assert!(probes <= 1, "seed {seed}, step {step}");
            assert_eq!(
                breaker.state() == BreakerState::HalfOpen,
                probes == 1,
                "seed {seed}"
            );
            if !open.is_empty() && random.random_bool(0.6) {
                let probe = open.swap_remove(random.random_range(0..open.len()));
                let verdict = match random.random_range(0..10) {
                    0 => Verdict::Nothing,
                    1 => Verdict::Deferred,
                    _ if down => Verdict::Unreached,
                    2 => Verdict::Answered,
                    _ => Verdict::Delivered,
                };
                breaker.ended(verdict, probe, now);
            }
        }
        now += LONGEST_OPEN;
        for probe in open {
            breaker.ended(Verdict::Nothing, probe, now);
        }
        assert_eq!(breaker.refuses_until(now), None, "seed {seed}");
    }
}
