//! A channel whose receiver takes groups.

use tokio::sync::mpsc::{self, error::SendError};

use crate::Lane;

/// Limits on a group. A group that is not full takes a further item of any weight, so that its
/// weight may be above the limit by that item's.
#[derive(Clone, Copy, Debug)]
pub struct GroupLimits {
    /// The most items.
    pub items: usize,
    /// The weight from which a group is full.
    pub weight: usize,
    /// The weight from which bulk items are not added, because a single item that comes next
    /// waits for the whole group.
    pub bulk_weight: usize,
}

/// The sending side of a channel; clones share it.
#[derive(Debug)]
pub struct Sender<T> {
    single: mpsc::Sender<T>,
    bulk: mpsc::Sender<T>,
}

/// The receiving side of a channel.
#[derive(Debug)]
pub struct Receiver<T> {
    single: mpsc::Receiver<T>,
    bulk: mpsc::Receiver<T>,
    limits: GroupLimits,
    weight: fn(&T) -> usize,
    /// True if the last group had bulk items.
    bulk_went: bool,
}

/// A channel with room for `capacity` items in each lane, and groups of items of this weight
/// within these limits.
pub fn channel<T>(
    capacity: usize,
    limits: GroupLimits,
    weight: fn(&T) -> usize,
) -> (Sender<T>, Receiver<T>) {
    let (single, singles) = mpsc::channel(capacity);
    let (bulk, bulks) = mpsc::channel(capacity);
    let receiver = Receiver {
        single: singles,
        bulk: bulks,
        limits,
        weight,
        bulk_went: false,
    };
    (Sender { single, bulk }, receiver)
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self {
            single: self.single.clone(),
            bulk: self.bulk.clone(),
        }
    }
}

impl<T> Sender<T> {
    /// Sends an item, as soon as its lane has room.
    ///
    /// # Errors
    /// If the receiver has gone.
    pub async fn send(&self, lane: Lane, item: T) -> Result<(), SendError<T>> {
        match lane {
            Lane::Single => self.single.send(item).await,
            Lane::Bulk => self.bulk.send(item).await,
        }
    }
}

/// A group that is being gathered.
struct Group<T> {
    items: Vec<T>,
    weight: usize,
    has_single: bool,
    has_bulk: bool,
}

impl<T> Receiver<T> {
    /// Waits for items and takes a group of them; `None` once all senders are gone. While neither
    /// lane is ever empty, every second group has bulk items. Items stay in the channel if the
    /// wait is cancelled.
    pub async fn next_group(&mut self) -> Option<Vec<T>> {
        let mut group = Group {
            items: Vec::new(),
            weight: 0,
            has_single: false,
            has_bulk: false,
        };
        loop {
            self.fill(&mut group, Lane::Single, self.limits.weight);
            if !self.bulk_went || !group.has_single {
                self.fill(&mut group, Lane::Bulk, self.limits.bulk_weight);
            }
            if !group.items.is_empty() {
                self.bulk_went = group.has_bulk;
                return Some(group.items);
            }
            let (lane, first) = tokio::select! {
                biased;
                Some(single) = self.single.recv() => (Lane::Single, single),
                Some(bulk) = self.bulk.recv() => (Lane::Bulk, bulk),
                else => return None,
            };
            group.add(lane, first, self.weight);
        }
    }

    /// Moves items of a lane into a group until the group is full or has this weight.
    fn fill(&mut self, group: &mut Group<T>, lane: Lane, weight: usize) {
        let from = match lane {
            Lane::Single => &mut self.single,
            Lane::Bulk => &mut self.bulk,
        };
        while group.items.len() < self.limits.items && group.weight < weight {
            let Ok(next) = from.try_recv() else { break };
            group.add(lane, next, self.weight);
        }
    }
}

impl<T> Group<T> {
    fn add(&mut self, lane: Lane, item: T, weight: fn(&T) -> usize) {
        self.weight += weight(&item);
        self.items.push(item);
        match lane {
            Lane::Single => self.has_single = true,
            Lane::Bulk => self.has_bulk = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const LIMITS: GroupLimits = GroupLimits {
        items: 4,
        weight: 100,
        bulk_weight: 20,
    };

    /// A channel in whose lanes items of these weights wait.
    async fn filled(single: &[usize], bulk: &[usize]) -> (Sender<usize>, Receiver<usize>) {
        let (sender, receiver) = channel(100, LIMITS, |weight| *weight);
        for (lane, weights) in [(Lane::Single, single), (Lane::Bulk, bulk)] {
            for &weight in weights {
                sender.send(lane, weight).await.unwrap();
            }
        }
        (sender, receiver)
    }

    #[tokio::test]
    async fn single_items_come_first_and_every_second_group_has_bulk_items() {
        let (_sender, mut lanes) = filled(&[1; 10], &[2; 10]).await;
        assert_eq!(lanes.next_group().await.unwrap(), [1, 1, 1, 1]);
        let (sender, mut lanes) = filled(&[1], &[2; 10]).await;
        assert_eq!(lanes.next_group().await.unwrap(), [1, 2, 2, 2]);
        for _ in 0..3 {
            sender.send(Lane::Single, 1).await.unwrap();
        }
        assert_eq!(lanes.next_group().await.unwrap(), [1, 1, 1]);
        sender.send(Lane::Single, 1).await.unwrap();
        assert_eq!(lanes.next_group().await.unwrap(), [1, 2, 2, 2]);
    }

    #[tokio::test]
    async fn bulk_items_alone_need_not_wait_for_a_second_group() {
        let (_sender, mut lanes) = filled(&[], &[2; 6]).await;
        assert_eq!(lanes.next_group().await.unwrap(), [2; 4]);
        assert_eq!(lanes.next_group().await.unwrap(), [2; 2]);
    }

    #[tokio::test]
    async fn a_group_ends_at_its_weight() {
        let (_sender, mut lanes) = filled(&[60, 60, 60], &[]).await;
        assert_eq!(lanes.next_group().await.unwrap(), [60, 60]);
        let (_sender, mut lanes) = filled(&[10], &[10, 10, 10]).await;
        assert_eq!(lanes.next_group().await.unwrap(), [10, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_channel_waits_and_ends_with_its_senders() {
        let (sender, mut lanes) = filled(&[], &[]).await;
        let wait = timeout(Duration::from_secs(1), lanes.next_group()).await;
        assert!(wait.is_err());
        let late = sender.clone();
        tokio::spawn(async move { late.send(Lane::Bulk, 7).await });
        assert_eq!(lanes.next_group().await.unwrap(), [7]);
        drop(sender);
        assert_eq!(lanes.next_group().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_lane_does_not_hold_up_the_other() {
        let (sender, mut lanes) = channel(1, LIMITS, |weight: &usize| *weight);
        sender.send(Lane::Bulk, 1).await.unwrap();
        let full = timeout(Duration::from_secs(1), sender.send(Lane::Bulk, 2)).await;
        assert!(full.is_err());
        sender.send(Lane::Single, 3).await.unwrap();
        assert_eq!(lanes.next_group().await.unwrap(), [3, 1]);
    }
}
