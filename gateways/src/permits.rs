//! How many attempts a provider may have at the same time: a semaphore whose size
//! changes, and at which single sends never wait behind those of campaigns.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, oneshot};

/// One for each provider; clones share it.
#[derive(Clone, Debug)]
pub struct Permits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Rings when somebody has to wait.
    short: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    size: usize,
    used: usize,
    /// The most that were used or waited for since that was last asked.
    peak: usize,
    single: VecDeque<oneshot::Sender<Permit>>,
    bulk: VecDeque<oneshot::Sender<Permit>>,
}

/// Permission for one attempt, for as long as it is kept.
#[derive(Debug)]
pub struct Permit(Option<Arc<Inner>>);

/// How many there are and how many are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    /// What may be in use at any moment from now on, unless the size grows.
    pub held: usize,
    /// The most that could have been in use since this was last asked.
    pub wanted: usize,
}

impl Permits {
    pub(crate) fn new(size: usize, short: Arc<Notify>) -> Self {
        let state = State {
            size,
            used: 0,
            peak: 0,
            single: VecDeque::new(),
            bulk: VecDeque::new(),
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            short,
        }))
    }

    /// Waits for a permit. Bulk ones leave an eighth of them free, at least one unless
    /// it is the only one, and wait behind whatever is not bulk.
    pub async fn acquire(&self, bulk: bool) -> Permit {
        loop {
            let granted = {
                let (waiter, granted) = oneshot::channel();
                let mut state = self.0.lock();
                if bulk {
                    state.bulk.push_back(waiter)
                } else {
                    state.single.push_back(waiter)
                }
                state.grant(&self.0);
                let waiting = state.waiting();
                state.peak = state.peak.max(state.used + waiting);
                // Further ones wait for the same answer.
                if waiting == 1 {
                    self.0.short.notify_one();
                }
                granted
            };
            // Nobody drops a waiter but with its permit; should that change, wait anew.
            if let Ok(permit) = granted.await {
                return permit;
            }
        }
    }

    /// Changes how many there are. What is in use beyond that stays in use.
    pub(crate) fn resize(&self, size: usize) {
        let mut state = self.0.lock();
        state.size = size;
        state.grant(&self.0);
    }

    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.0.lock().used
    }

    /// How many are wanted, counted anew from now on.
    pub(crate) fn demand(&self) -> Demand {
        let mut state = self.0.lock();
        state.tidy();
        let now = state.used + state.waiting();
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
    fn waiting(&self) -> usize {
        self.single.len() + self.bulk.len()
    }

    fn tidy(&mut self) {
        self.single.retain(|waiter| !waiter.is_closed());
        self.bulk.retain(|waiter| !waiter.is_closed());
    }

    /// Gives out what can be given out.
    fn grant(&mut self, inner: &Arc<Inner>) {
        self.tidy();
        let kept_free = if self.size > 1 {
            (self.size / 8).max(1)
        } else {
            0
        };
        while self.used < self.size {
            let waiter = match self.single.pop_front() {
                Some(waiter) => waiter,
                None if self.used + kept_free < self.size => match self.bulk.pop_front() {
                    Some(waiter) => waiter,
                    None => return,
                },
                None => return,
            };
            match waiter.send(Permit(Some(Arc::clone(inner)))) {
                Ok(()) => self.used += 1,
                // It has gone; its permit was never counted and must not be given back.
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
