//! The destinations of a tenant, by their source.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use crate::pbx::{DestinationDetails, SourceKind, TargetKind};

/// The most destinations of one source that a call considers, and so the most members of a hunt
/// group that ring. Further ones are reported by the check.
pub const MAX_DESTINATIONS: usize = 200;

/// A destination, seen from its source. The order of values is that in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The place among the destinations of the same source.
    pub order: u32,
    /// The id of the destination.
    pub id: i64,
    /// The kind of the target.
    pub target: TargetKind,
    /// The id of the target, 0 if it has none.
    pub target_id: i64,
}

/// Destinations, indexed by source.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Destinations {
    /// Never with an empty list, so that equal configurations are equal.
    by_source: HashMap<(SourceKind, i64), Vec<Edge>>,
    sources: HashMap<i64, (SourceKind, i64)>,
    unreadable: BTreeMap<i64, DestinationDetails>,
}

impl Destinations {
    /// Adds a destination, or replaces the one of this id, whatever its source was.
    pub(super) fn set(&mut self, id: i64, details: DestinationDetails) {
        self.remove(id);
        let (Some(source), Some((target, target_id))) = (details.source(), details.target()) else {
            self.unreadable.insert(id, details);
            return;
        };
        let edge = Edge {
            order: details.order,
            id,
            target,
            target_id,
        };
        self.sources.insert(id, source);
        match self.by_source.entry(source) {
            // Most sources have one destination: a list of that size spares memory.
            Entry::Vacant(vacant) => {
                vacant.insert(vec![edge]);
            }
            Entry::Occupied(mut edges) => {
                let at = edges.get().partition_point(|other| *other < edge);
                edges.get_mut().insert(at, edge);
            }
        }
    }

    /// Removes a destination.
    pub(super) fn remove(&mut self, id: i64) {
        self.unreadable.remove(&id);
        let Some(source) = self.sources.remove(&id) else {
            return;
        };
        if let Entry::Occupied(mut edges) = self.by_source.entry(source) {
            edges.get_mut().retain(|edge| edge.id != id);
            if edges.get().is_empty() {
                edges.remove();
            }
        }
    }

    /// All destinations of a source, in their order.
    pub(super) fn all_of(&self, source: SourceKind, id: i64) -> &[Edge] {
        self.by_source.get(&(source, id)).map_or(&[], Vec::as_slice)
    }

    /// The sources that have destinations, in no order.
    pub(super) fn sources(&self) -> impl Iterator<Item = ((SourceKind, i64), &[Edge])> {
        let sources = self.by_source.iter();
        sources.map(|(source, edges)| (*source, edges.as_slice()))
    }

    /// The destinations without a known source or target.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = (i64, &DestinationDetails)> {
        self.unreadable.iter().map(|(id, details)| (*id, details))
    }
}
