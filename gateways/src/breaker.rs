//! When a provider that keeps failing is left alone, and when it is tried again.
//!
//! `Working → Resting → Probing → Working`, or back to resting. Each worker judges for
//! itself. Time is a parameter.

use std::time::Duration;

use domain::delivery::Outcome;
use tokio::time::Instant;

use crate::Report;

/// So many attempts in a row that never reached it, and it rests.
pub(crate) const UNREACHED: u32 = 5;
/// So many in a row that it put off although it was reached, and it rests. More than of
/// the others: some put off every recipient once.
pub(crate) const PUT_OFF: u32 = 50;
/// The first rest.
pub(crate) const FIRST_REST: Duration = Duration::from_secs(5);
/// The longest: each that ends with a probe that reaches nobody is followed by one twice
/// as long.
pub(crate) const LONGEST_REST: Duration = Duration::from_secs(300);
/// When to ask again while a probe is under way.
pub(crate) const PROBE_PAUSE: Duration = Duration::from_millis(500);

/// What an attempt says of its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It took something.
    Delivered,
    /// It was spoken to, and answered about this recipient.
    Answered,
    /// It was spoken to, and said "later".
    PutOff,
    /// It was not reached.
    Unreached,
    /// Nothing: the attempt never came to it, or nobody knows what it did.
    Nothing,
}

impl Verdict {
    pub fn of(report: &Report) -> Self {
        match (report.outcome, report.connected) {
            (Outcome::Delivered, _) => Self::Delivered,
            (Outcome::Rejected | Outcome::Unanswered, true) => Self::Answered,
            (Outcome::Unavailable, true) => Self::PutOff,
            (Outcome::Unavailable, false) => Self::Unreached,
            (Outcome::Rejected | Outcome::Unanswered | Outcome::Unknown, _) => Self::Nothing,
        }
    }
}

/// How a provider is doing, as this worker has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Working,
    Resting {
        /// When one attempt may try it.
        until: Instant,
    },
    /// That attempt is under way.
    Probing,
}

impl State {
    /// The documented word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Resting { .. } => "resting",
            Self::Probing => "probing",
        }
    }
}

/// The breaker of one provider.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    state: State,
    unreached: u32,
    put_off: u32,
    rest: Duration,
}

impl Breaker {
    pub fn new() -> Self {
        Self {
            state: State::Working,
            unreached: 0,
            put_off: 0,
            rest: FIRST_REST,
        }
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.unreached.saturating_add(self.put_off)
    }

    /// From when on an attempt is let through; nothing: at once.
    pub fn closed_until(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Working => None,
            State::Resting { until } => Some(until).filter(|until| *until > now),
            State::Probing => Some(now + PROBE_PAUSE),
        }
    }

    /// Lets an attempt through; says whether it is the probe. Only what is not
    /// [closed](Self::closed_until) may be asked.
    pub fn admit(&mut self) -> bool {
        let probe = matches!(self.state, State::Resting { .. });
        if probe {
            self.state = State::Probing;
        }
        probe
    }

    /// Takes in how an attempt ended, the probe or another one.
    pub fn ended(&mut self, verdict: Verdict, probe: bool, now: Instant) {
        match verdict {
            Verdict::Delivered => (self.unreached, self.put_off) = (0, 0),
            Verdict::Answered => self.unreached = 0,
            Verdict::PutOff => {
                self.unreached = 0;
                self.put_off = self.put_off.saturating_add(1);
            }
            Verdict::Unreached => self.unreached = self.unreached.saturating_add(1),
            Verdict::Nothing => {}
        }
        match (self.state, verdict) {
            // What was under way before it rested says nothing new of it.
            (State::Resting { .. }, _) => {}
            (State::Probing, _) if !probe => {}
            (State::Probing, Verdict::Nothing) => self.state = State::Resting { until: now },
            (State::Probing, Verdict::Unreached) => {
                self.rest = (self.rest * 2).min(LONGEST_REST);
                self.begin_rest(now);
            }
            // It is there. If it puts off everything it rests again before long.
            (State::Probing, _) => {
                *self = Self {
                    put_off: self.put_off.min(PUT_OFF / 2),
                    ..Self::new()
                };
            }
            (State::Working, _) => {
                if self.unreached >= UNREACHED || self.put_off >= PUT_OFF {
                    self.rest = FIRST_REST;
                    self.begin_rest(now);
                }
            }
        }
    }

    fn begin_rest(&mut self, now: Instant) {
        self.state = State::Resting {
            until: now + self.rest,
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

    fn rested(now: Instant) -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 0..UNREACHED {
            assert_eq!(breaker.state(), State::Working);
            assert!(!breaker.admit());
            breaker.ended(Verdict::Unreached, false, now);
        }
        breaker
    }

    #[test]
    fn a_provider_that_cannot_be_reached_rests_and_is_probed_by_one() {
        let start = Instant::now();
        let mut breaker = rested(start);
        assert_eq!(breaker.closed_until(start), Some(start + FIRST_REST));
        let now = after(start, 5);
        assert_eq!(breaker.closed_until(now), None);
        assert!(breaker.admit(), "the probe");
        assert!(breaker.closed_until(now).is_some(), "and nobody else");
        breaker.ended(Verdict::Delivered, true, now);
        assert_eq!((breaker.state(), breaker.failures()), (State::Working, 0));
    }

    #[test]
    fn rests_grow_to_five_minutes_and_begin_anew_once_it_was_reached() {
        let mut now = Instant::now();
        let mut breaker = rested(now);
        let mut rests = Vec::new();
        for _ in 0..8 {
            let until = breaker.closed_until(now).unwrap();
            rests.push((until - now).as_secs());
            now = until;
            breaker.admit();
            breaker.ended(Verdict::Unreached, true, now);
        }
        assert_eq!(rests, [5, 10, 20, 40, 80, 160, 300, 300]);
        now = breaker.closed_until(now).unwrap();
        breaker.admit();
        breaker.ended(Verdict::Answered, true, now);
        for _ in 0..UNREACHED {
            breaker.ended(Verdict::Unreached, false, now);
        }
        assert_eq!(breaker.closed_until(now), Some(now + FIRST_REST));
    }

    #[test]
    fn a_probe_that_comes_to_nothing_leaves_its_place_to_the_next() {
        let start = Instant::now();
        let mut breaker = rested(start);
        let now = after(start, 5);
        breaker.admit();
        breaker.ended(Verdict::Nothing, true, now);
        assert_eq!(breaker.closed_until(now), None);
        assert!(breaker.admit());
    }

    #[test]
    fn attempts_from_before_the_rest_change_nothing() {
        let start = Instant::now();
        let mut breaker = rested(start);
        breaker.ended(Verdict::Unreached, false, after(start, 3));
        assert_eq!(breaker.closed_until(start), Some(start + FIRST_REST));
        breaker.admit();
        breaker.ended(Verdict::Unreached, false, after(start, 6));
        assert_eq!(breaker.state(), State::Probing);
    }

    #[test]
    fn what_puts_everything_off_rests_a_little_again_and_again() {
        let mut now = Instant::now();
        let mut breaker = Breaker::new();
        for rests in 0..3 {
            let mut let_through = 0;
            while breaker.closed_until(now).is_none() {
                let probe = breaker.admit();
                breaker.ended(Verdict::PutOff, probe, now);
                let_through += 1;
            }
            assert!(let_through >= PUT_OFF / 2, "{rests}: {let_through}");
            assert_eq!(breaker.closed_until(now), Some(now + FIRST_REST));
            now += FIRST_REST;
        }
    }

    /// Whatever happens: while it rests nobody is let through, at most one probe is
    /// under way, and one that works again is used again.
    #[test]
    fn a_script_of_troubles_never_lets_two_probes_through() {
        let seed = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let mut now = Instant::now();
        let (mut breaker, mut open) = (Breaker::new(), Vec::new());
        for step in 0..20_000 {
            now += Duration::from_millis(random.random_range(0..400));
            let down = (step / 500) % 2 == 1;
            if breaker.closed_until(now).is_none() {
                let resting = breaker.state() != State::Working;
                let probe = breaker.admit();
                assert_eq!(resting, probe, "seed {seed}, step {step}");
                open.push(probe);
            }
            let probes = open.iter().filter(|probe| **probe).count();
            assert!(probes <= 1, "seed {seed}, step {step}");
            assert_eq!(
                breaker.state() == State::Probing,
                probes == 1,
                "seed {seed}"
            );
            if !open.is_empty() && random.random_bool(0.6) {
                let probe = open.swap_remove(random.random_range(0..open.len()));
                let verdict = match random.random_range(0..10) {
                    0 => Verdict::Nothing,
                    1 => Verdict::PutOff,
                    _ if down => Verdict::Unreached,
                    2 => Verdict::Answered,
                    _ => Verdict::Delivered,
                };
                breaker.ended(verdict, probe, now);
            }
        }
        now += LONGEST_REST;
        for probe in open {
            breaker.ended(Verdict::Nothing, probe, now);
        }
        assert_eq!(breaker.closed_until(now), None, "seed {seed}");
    }
}
