//! A queue in memory.

use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::Lane;

/// A queue of two lanes, each first in, first out. It has no bound of its own: its items are
/// requests that others wait for, and bound.
#[derive(Debug)]
pub struct TwoLanes<T> {
    single: VecDeque<T>,
    bulk: VecDeque<T>,
}

impl<T> Default for TwoLanes<T> {
    fn default() -> Self {
        Self {
            single: VecDeque::new(),
            bulk: VecDeque::new(),
        }
    }
}

impl<T> TwoLanes<T> {
    /// The number of items in both lanes.
    pub fn len(&self) -> usize {
        self.single.len() + self.bulk.len()
    }

    /// True if both lanes are empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an item at the end of a lane.
    pub fn push_back(&mut self, lane: Lane, item: T) {
        self.lane(lane).push_back(item);
    }

    /// Adds an item at the head of a lane.
    pub fn push_front(&mut self, lane: Lane, item: T) {
        self.lane(lane).push_front(item);
    }

    /// Takes the item at the head of a lane.
    pub fn pop(&mut self, lane: Lane) -> Option<T> {
        self.lane(lane).pop_front()
    }

    /// Takes the first item: a bulk item only if there is no single one.
    pub fn pop_first(&mut self) -> Option<T> {
        self.single.pop_front().or_else(|| self.bulk.pop_front())
    }

    /// Takes the item that would be the last of all.
    pub fn pop_last(&mut self) -> Option<T> {
        self.bulk.pop_back().or_else(|| self.single.pop_back())
    }

    fn lane(&mut self, lane: Lane) -> &mut VecDeque<T> {
        match lane {
            Lane::Single => &mut self.single,
            Lane::Bulk => &mut self.bulk,
        }
    }
}

impl<A> TwoLanes<oneshot::Sender<A>> {
    /// Removes waiters that have gone.
    pub fn forget_gone(&mut self) {
        self.single.retain(|waiter| !waiter.is_closed());
        self.bulk.retain(|waiter| !waiter.is_closed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> TwoLanes<&'static str> {
        let mut lanes = TwoLanes::default();
        lanes.push_back(Lane::Bulk, "bulk 1");
        lanes.push_back(Lane::Single, "single 1");
        lanes.push_back(Lane::Bulk, "bulk 2");
        lanes.push_back(Lane::Single, "single 2");
        lanes
    }

    #[test]
    fn single_items_come_first_and_each_lane_in_its_order() {
        let mut lanes = filled();
        lanes.push_front(Lane::Bulk, "bulk 0");
        let order: Vec<_> = std::iter::from_fn(|| lanes.pop_first()).collect();
        assert_eq!(
            order,
            ["single 1", "single 2", "bulk 0", "bulk 1", "bulk 2"]
        );
        assert!(lanes.is_empty());
    }

    #[test]
    fn the_last_is_the_last_bulk_item_while_there_is_one() {
        let mut lanes = filled();
        let order: Vec<_> = std::iter::from_fn(|| lanes.pop_last()).collect();
        assert_eq!(order, ["bulk 2", "bulk 1", "single 2", "single 1"]);
    }

    #[test]
    fn waiters_that_have_gone_are_forgotten() {
        let mut lanes = TwoLanes::default();
        let (waits, receiver) = oneshot::channel::<()>();
        let (gone, _) = oneshot::channel();
        lanes.push_back(Lane::Single, gone);
        lanes.push_back(Lane::Bulk, waits);
        lanes.forget_gone();
        assert_eq!(lanes.len(), 1);
        assert!(lanes.pop(Lane::Single).is_none());
        drop(receiver);
        lanes.forget_gone();
        assert!(lanes.is_empty());
    }
}
