//! The turns in use by key, and the queues of waiters, served in rotation.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

use tokio::sync::oneshot;

use crate::{Bounds, Busy, Turn};

#[derive(Debug)]
pub(crate) struct Queue<K: Hash + Eq + Clone> {
    bounds: Bounds,
    free: usize,
    /// The number of turns in use under each key.
    taken: HashMap<K, usize>,
    waiting: usize,
    /// The keys that have waiters, the next key first; each occurs once.
    rotation: VecDeque<K>,
    lines: HashMap<K, VecDeque<oneshot::Sender<Turn<K>>>>,
}

impl<K: Hash + Eq + Clone> Queue<K> {
    pub fn new(bounds: Bounds) -> Self {
        Self {
            free: bounds.at_once.max(1),
            bounds,
            taken: HashMap::new(),
            waiting: 0,
            rotation: VecDeque::new(),
            lines: HashMap::new(),
        }
    }

    /// Takes a turn at once (`None`), or joins the queue and answers the channel to wait on.
    pub fn enter(&mut self, key: &K) -> Result<Option<oneshot::Receiver<Turn<K>>>, Busy> {
        if self.free > 0 && self.may_have_one_more(key) {
            self.take(key);
            return Ok(None);
        }
        if self.is_full(key) {
            return Err(Busy);
        }
        let line = self.lines.entry(key.clone()).or_default();
        if line.is_empty() {
            self.rotation.push_back(key.clone());
        }
        let (sender, receiver) = oneshot::channel();
        line.push_back(sender);
        self.set_waiting(self.waiting + 1);
        Ok(Some(receiver))
    }

    /// True if no more waiters are accepted, in total or under this key. Waiters that went away are
    /// removed first.
    pub fn is_full(&mut self, key: &K) -> bool {
        if self.waiting >= self.bounds.waiting || self.is_line_full(key) {
            self.forget_gone();
        }
        self.waiting >= self.bounds.waiting || self.is_line_full(key)
    }

    /// Takes a turn for the next waiter under the next key that may have one.
    pub fn next(&mut self) -> Option<(K, oneshot::Sender<Turn<K>>)> {
        if self.free == 0 {
            return None;
        }
        let next = self
            .rotation
            .iter()
            .position(|key| self.may_have_one_more(key))?;
        let key = self.rotation.remove(next)?;
        let line = self.lines.get_mut(&key)?;
        let sender = line.pop_front()?;
        if line.is_empty() {
            drop(self.lines.remove(&key))
        } else {
            self.rotation.push_back(key.clone())
        }
        self.set_waiting(self.waiting.saturating_sub(1));
        self.take(&key);
        Some((key, sender))
    }

    /// The end of a turn.
    pub fn give_back(&mut self, key: &K) {
        self.free += 1;
        if let Some(taken) = self.taken.get_mut(key) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(key);
            }
        }
    }

    fn take(&mut self, key: &K) {
        self.free -= 1;
        *self.taken.entry(key.clone()).or_default() += 1;
    }

    fn may_have_one_more(&self, key: &K) -> bool {
        let taken = self.taken.get(key).copied().unwrap_or_default();
        taken < self.bounds.at_once_per_key.max(1)
    }

    fn is_line_full(&self, key: &K) -> bool {
        let line = self.lines.get(key).map_or(0, VecDeque::len);
        line >= self.bounds.waiting_per_key
    }

    fn forget_gone(&mut self) {
        for line in self.lines.values_mut() {
            line.retain(|waiting| !waiting.is_closed());
        }
        self.lines.retain(|_, line| !line.is_empty());
        let lines = &self.lines;
        self.rotation.retain(|key| lines.contains_key(key));
        self.set_waiting(self.lines.values().map(VecDeque::len).sum());
    }

    fn set_waiting(&mut self, waiting: usize) {
        self.waiting = waiting;
        metrics::gauge!(self.bounds.gauge).set(waiting as f64);
    }
}
