//! The load of a provider in this worker: its circuit breaker, the attempts in flight, and
//! the outcomes of the last minute.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use dispatch::circuit_breaker::{BreakerState, CircuitBreaker, Verdict};
use domain::delivery::Outcome;
use tokio::time::Instant;

use super::{rate::Rate, seats::Seat};
use crate::Report;

/// All outcomes, in the order of the columns that count them.
pub(super) const OUTCOMES: [Outcome; 5] = [
    Outcome::Delivered,
    Outcome::Rejected,
    Outcome::Unanswered,
    Outcome::Unavailable,
    Outcome::Unknown,
];

/// The load of one adapter.
#[derive(Debug)]
pub(super) struct Load(Mutex<LoadState>);

#[derive(Debug)]
struct LoadState {
    breaker: CircuitBreaker,
    /// The time until which its rate limit is used up.
    full_until: Option<Instant>,
    /// Attempts that picked the provider and have not started.
    waiting: usize,
    started: Rate,
    ended: [Rate; OUTCOMES.len()],
}

/// A snapshot of a load, for the provider's status.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub state: BreakerState,
    pub failures: u32,
    pub started: u32,
    pub ended: [u32; OUTCOMES.len()],
}

impl Default for Load {
    fn default() -> Self {
        Self(Mutex::new(LoadState {
            breaker: CircuitBreaker::default(),
            full_until: None,
            waiting: 0,
            started: Rate::new(),
            ended: std::array::from_fn(|_| Rate::new()),
        }))
    }
}

impl Load {
    /// The time from which on the provider can be picked; `None`: now.
    pub fn refuses_until(&self, now: Instant) -> Option<Instant> {
        let loaded = self.lock();
        let full = loaded.full_until.filter(|until| *until > now);
        full.max(loaded.breaker.refuses_until(now))
    }

    /// True if the circuit is closed.
    pub fn works(&self) -> bool {
        self.lock().breaker.state() == BreakerState::Closed
    }

    /// The number of attempts that picked the provider and have not started.
    pub fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// The number of attempts that started in the last second.
    pub fn started_in_last_second(&self) -> u32 {
        self.lock().started.of_last_second()
    }

    /// Admits an attempt to the provider, as the probe if the circuit is open. It keeps its seat,
    /// if it needs one, until it ends.
    pub fn admit(self: &Arc<Self>, seat: Option<Seat>) -> Trial {
        let mut loaded = self.lock();
        loaded.waiting += 1;
        Trial {
            load: Arc::clone(self),
            probe: loaded.breaker.admit(),
            waits: AtomicBool::new(true),
            told: AtomicBool::new(false),
            _seat: seat,
        }
    }

    pub fn shown(&self) -> Shown {
        let mut loaded = self.lock();
        Shown {
            state: loaded.breaker.state(),
            failures: loaded.breaker.failures(),
            started: loaded.started.of_last_minute(),
            ended: loaded.ended.each_mut().map(Rate::of_last_minute),
        }
    }

    fn lock(&self) -> MutexGuard<'_, LoadState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt admitted to a provider. If it is dropped without a report, it leaves the
/// circuit's counts as they are; if it was the probe, the next attempt becomes it.
#[derive(Debug)]
pub(crate) struct Trial {
    load: Arc<Load>,
    probe: bool,
    waits: AtomicBool,
    told: AtomicBool,
    _seat: Option<Seat>,
}

impl Trial {
    /// True if the attempt may go on: the circuit is still closed, or the attempt is its probe.
    pub fn stands(&self) -> bool {
        self.probe || self.load.works()
    }

    /// Records that the attempt goes on the wire.
    pub fn started(&self) {
        self.load.lock().started.count();
        self.waits_no_more();
    }

    /// Records that the provider's rate limit is used up until this time.
    pub fn too_many(&self, until: Instant) {
        let mut loaded = self.load.lock();
        let known = loaded.full_until.filter(|known| *known > Instant::now());
        loaded.full_until = Some(known.map_or(until, |known| known.min(until)));
    }

    /// Records the result of the attempt.
    pub fn ended(&self, report: &Report) {
        self.told.store(true, Ordering::Relaxed);
        let mut loaded = self.load.lock();
        let place = OUTCOMES.iter().position(|it| *it == report.outcome);
        if let Some(count) = place.and_then(|place| loaded.ended.get_mut(place)) {
            count.count();
        }
        let verdict = Verdict::from_outcome(report.outcome, report.connected);
        loaded.breaker.ended(verdict, self.probe, Instant::now());
    }

    fn waits_no_more(&self) {
        if self.waits.swap(false, Ordering::Relaxed) {
            let mut loaded = self.load.lock();
            loaded.waiting = loaded.waiting.saturating_sub(1);
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.waits_no_more();
        if self.probe && !self.told.load(Ordering::Relaxed) {
            let mut loaded = self.load.lock();
            loaded.breaker.ended(Verdict::Nothing, true, Instant::now());
        }
    }
}
