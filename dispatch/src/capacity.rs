//! Capacity: bounds on the attempts that a worker holds at the same time, each with a part that
//! campaigns leave to single sends, and the counts that they are compared with.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The least bound of a provider, in attempts: more than it can make at the same time wait for
/// its permits, so that none is free for as long as a claim takes.
const MIN_BOUND: usize = 16;
/// The highest bound, whatever the adapters could take.
const MAX_BOUND: usize = 1_024;
/// The bound of the providers of a tenant together.
const MOST_OF_TENANT: usize = 256;

/// Attempts of a service that are in flight, or of which more can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// All of them.
    pub all: usize,
    /// Those of campaigns among them.
    pub bulk: usize,
}

impl Held {
    /// The sum, by lane.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.by_lane(other, usize::saturating_add)
    }

    /// The difference, by lane, at least zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.by_lane(other, usize::saturating_sub)
    }

    /// The lesser of both, by lane.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        self.by_lane(other, Ord::min)
    }

    /// The greater of both, by lane.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.by_lane(other, Ord::max)
    }

    /// The attempts in the lane of those of campaigns, or in the other, which may use all.
    pub fn in_lane(self, bulk: bool) -> usize {
        if bulk { self.bulk } else { self.all }
    }

    fn by_lane(self, other: Self, of: impl Fn(usize, usize) -> usize) -> Self {
        Self {
            all: of(self.all, other.all),
            bulk: of(self.bulk, other.bulk),
        }
    }
}

/// A bound on attempts in flight. Those of campaigns leave a quarter of it to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound(usize);

impl Bound {
    /// The bound of all providers of the installation together.
    pub const INSTALLATION: Self = Self(MAX_BOUND);
    /// The bound of all providers of a tenant together.
    pub const TENANT: Self = Self(MOST_OF_TENANT);

    /// The bound of a provider that makes so many attempts at the same time: as many again may
    /// wait for its permits.
    pub fn of_channels(channels: usize) -> Self {
        Self(channels.saturating_mul(2).clamp(MIN_BOUND, MAX_BOUND))
    }

    /// The bound of several providers together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The further attempts that are within the bound while so many are in flight.
    pub fn free(self, held: Held) -> Held {
        let all = self.0.saturating_sub(held.all);
        let bulk = (self.0 - self.0 / 4).saturating_sub(held.bulk);
        Held {
            all,
            bulk: bulk.min(all),
        }
    }

    /// The free attempts of the lanes that have enough for a claim: one attempt at a time would make the
    /// claim's transaction the bottleneck.
    pub fn worthwhile(self, free: Held) -> Held {
        let worthwhile = |free: usize| if free < self.0 / 8 { 0 } else { free };
        Held {
            all: worthwhile(free.all),
            bulk: worthwhile(free.bulk),
        }
    }
}

/// A count of attempts in flight; clones share it.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<Mutex<Held>>);

/// An attempt that is counted until this is dropped.
#[derive(Debug)]
pub struct Counted {
    among: InFlight,
    bulk: bool,
}

impl InFlight {
    /// The attempts that are counted now.
    pub fn held(&self) -> Held {
        *self.lock()
    }

    /// Counts one more attempt.
    pub fn count(&self, bulk: bool) -> Counted {
        let mut held = self.lock();
        held.all += 1;
        held.bulk += usize::from(bulk);
        Counted {
            among: self.clone(),
            bulk,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut held = self.among.lock();
        held.all = held.all.saturating_sub(1);
        held.bulk = held.bulk.saturating_sub(usize::from(self.bulk));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(all: usize, bulk: usize) -> Held {
        Held { all, bulk }
    }

    #[test]
    fn a_provider_has_as_many_waiting_as_on_the_wire() {
        let of = |channels| Bound::of_channels(channels).0;
        assert_eq!([0, 1, 8, 9, 512].map(of), [16, 16, 16, 18, 1_024]);
        assert_eq!(of(usize::MAX), MAX_BOUND);
    }

    #[test]
    fn campaigns_leave_a_quarter_to_single_sends() {
        let bound = Bound::of_channels(8);
        assert_eq!(bound.free(held(0, 0)), held(16, 12));
        assert_eq!(bound.free(held(12, 12)), held(4, 0));
        assert_eq!(bound.free(held(10, 2)), held(6, 6));
        assert_eq!(bound.free(held(20, 0)), held(0, 0));
    }

    #[test]
    fn less_than_an_eighth_free_is_not_claimed_for() {
        let bound = Bound::of_channels(32);
        assert_eq!(bound.worthwhile(held(8, 7)), held(8, 0));
        assert_eq!(bound.worthwhile(held(7, 7)), held(0, 0));
    }

    #[test]
    fn an_attempt_is_counted_for_as_long_as_it_lasts() {
        let among = InFlight::default();
        let single = among.count(false);
        let bulk = among.clone().count(true);
        assert_eq!(among.held(), held(2, 1));
        drop(bulk);
        assert_eq!(among.held(), held(1, 0));
        drop(single);
        assert_eq!(among.held(), Held::default());
    }
}
