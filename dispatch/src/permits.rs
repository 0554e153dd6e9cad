//! The concurrency limit of a provider: a semaphore whose size changes, and at which
//! single sends never wait behind those of campaigns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use two_lanes::{Lane, TwoLanes};

/// The semaphore of a provider; clones share it.
#[derive(Clone, Debug)]
pub struct Permits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Notified when an attempt has to wait.
    short: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    size: usize,
    used: usize,
    /// The most permits that were used or waited for since [`Permits::demand`] was last called.
    peak: usize,
    waiters: TwoLanes<oneshot::Sender<Permit>>,
}

/// A permit for one attempt, given back when it is dropped.
#[derive(Debug)]
pub struct Permit(Option<Arc<Inner>>);

/// The permits that a provider holds and wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The most permits that may be in use from now on, unless the size grows.
    pub held: usize,
    /// The most permits that could have been in use since the last call.
    pub wanted: usize,
}

impl Permits {
    /// A limit of `size` permits; `short` is notified when somebody waits for one.
    pub fn new(size: usize, short: Arc<Notify>) -> Self {
        let state = State {
            size,
            used: 0,
            peak: 0,
            waiters: TwoLanes::default(),
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            short,
        }))
    }

    /// Waits for a permit. Bulk attempts leave an eighth of the permits free, at least one
    /// unless the size is one, and wait behind all that are not bulk.
    pub async fn acquire(&self, bulk: bool) -> Permit {
        loop {
            let granted = {
                let (waiter, granted) = oneshot::channel();
                let mut state = self.0.lock();
                state.waiters.push_back(Lane::bulk_if(bulk), waiter);
                state.grant(&self.0);
                let waiting = state.waiters.len();
                state.peak = state.peak.max(state.used + waiting);
                // Further waiters need no notification of their own.
                if waiting == 1 {
                    self.0.short.notify_one();
                }
                granted
            };
            // A waiter is only dropped with its permit; should that change, wait anew.
            if let Ok(permit) = granted.await {
                return permit;
            }
        }
    }

    /// Changes the number of permits. Permits in use beyond it stay in use.
    pub fn resize(&self, size: usize) {
        let mut state = self.0.lock();
        state.size = size;
        state.grant(&self.0);
    }

    /// The permits in use.
    pub fn used(&self) -> usize {
        self.0.lock().used
    }

    /// The demand since the last call; its peak is counted anew from now on.
    pub fn demand(&self) -> Demand {
        let mut state = self.0.lock();
        state.waiters.forget_gone();
        let now = state.used + state.waiters.len();
        let wanted = state.peak.max(now);
        state.peak = now;
        Demand {
            held: state.size.max(state.used),
            wanted,
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Grants permits to those that wait, as far as there are any.
    fn grant(&mut self, inner: &Arc<Inner>) {
        self.waiters.forget_gone();
        let kept_free = if self.size > 1 {
            (self.size / 8).max(1)
        } else {
            0
        };
        while self.used < self.size {
            let next = if self.used + kept_free < self.size {
                self.waiters.pop_first()
            } else {
                self.waiters.pop(Lane::Single)
            };
            let Some(waiter) = next else { return };
            match waiter.send(Permit(Some(Arc::clone(inner)))) {
                Ok(()) => self.used += 1,
                // The waiter has gone; its permit was never counted and must not be given back.
                Err(mut permit) => permit.0 = None,
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(inner) = self.0.take() {
            let mut state = inner.lock();
            state.used = state.used.saturating_sub(1);
            state.grant(&inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn permits(size: usize) -> Permits {
        Permits::new(size, Arc::new(Notify::new()))
    }

    async fn at_once(permits: &Permits, bulk: bool) -> Option<Permit> {
        timeout(Duration::from_millis(1), permits.acquire(bulk))
            .await
            .ok()
    }

    #[tokio::test(start_paused = true)]
    async fn those_of_campaigns_leave_an_eighth_free() {
        for (size, bulk) in [(1, 1), (2, 1), (8, 7), (16, 14), (512, 448)] {
            let permits = permits(size);
            let mut held = Vec::new();
            while let Some(permit) = at_once(&permits, true).await {
                held.push(permit);
            }
            assert_eq!(held.len(), bulk, "of {size}");
            while let Some(permit) = at_once(&permits, false).await {
                held.push(permit);
            }
            assert_eq!(held.len(), size);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_send_does_not_wait_behind_those_of_campaigns() {
        let permits = permits(1);
        let first = permits.acquire(true).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (name, bulk) in [("bulk", true), ("single", false)] {
            let (permits, order) = (permits.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _permit = permits.acquire(bulk).await;
                order.lock().unwrap().push(name);
            }));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["single", "bulk"]);
        assert_eq!(permits.used(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_gave_up_costs_nothing() {
        let permits = permits(1);
        let held = permits.acquire(false).await;
        assert!(at_once(&permits, false).await.is_none());
        assert_eq!(permits.demand(), Demand { held: 1, wanted: 2 });
        drop(held);
        assert_eq!(permits.used(), 0);
        assert_eq!(permits.demand(), Demand { held: 1, wanted: 1 });
        assert_eq!(permits.demand().wanted, 0);
        assert!(at_once(&permits, false).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_use_outlasts_a_smaller_size() {
        let permits = permits(3);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(permits.acquire(false).await);
        }
        permits.resize(1);
        assert_eq!(permits.demand().held, 3);
        held.pop();
        held.pop();
        assert!(at_once(&permits, false).await.is_none());
        held.pop();
        assert!(at_once(&permits, false).await.is_some());
        permits.resize(0);
        assert!(at_once(&permits, false).await.is_none());
        assert_eq!(permits.demand().held, 0);
    }
}
