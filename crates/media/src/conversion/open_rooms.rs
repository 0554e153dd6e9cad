//! The workrooms that are open, counted by user: each holds an upload of its user on the disk.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::{Id, access::User};

/// Bounds on open workrooms.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoomBounds {
    pub per_user: usize,
    pub total: usize,
}

/// Counts open workrooms. Clones share the counts.
#[derive(Clone, Debug)]
pub(super) struct OpenRooms {
    bounds: RoomBounds,
    counts: Arc<Mutex<HashMap<Id<User>, usize>>>,
}

/// An open workroom; it counts until it is dropped.
#[derive(Debug)]
pub(super) struct OpenRoom {
    rooms: OpenRooms,
    owner: Id<User>,
}

impl OpenRooms {
    pub fn new(bounds: RoomBounds) -> Self {
        Self {
            bounds,
            counts: Arc::default(),
        }
    }

    /// Counts one more room of a user; `None` at a bound.
    pub fn enter(&self, owner: Id<User>) -> Option<OpenRoom> {
        let mut counts = self.lock();
        let own = counts.get(&owner).copied().unwrap_or_default();
        if own >= self.bounds.per_user || counts.values().sum::<usize>() >= self.bounds.total {
            return None;
        }
        counts.insert(owner, own + 1);
        drop(counts);
        Some(OpenRoom {
            rooms: self.clone(),
            owner,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Id<User>, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenRoom {
    fn drop(&mut self) {
        let mut counts = self.rooms.lock();
        if let Some(count) = counts.get_mut(&self.owner) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_bounded_for_each_user_and_in_total() {
        let rooms = OpenRooms::new(RoomBounds {
            per_user: 2,
            total: 3,
        });
        let (one, other) = (Id::new(1), Id::new(2));
        let first = rooms.enter(one).unwrap();
        let _second = rooms.enter(one).unwrap();
        assert!(rooms.enter(one).is_none(), "a third room of one user");
        let _third = rooms.enter(other).unwrap();
        assert!(rooms.enter(other).is_none(), "a fourth room in total");
        drop(first);
        assert!(rooms.enter(other).is_some());
    }
}
