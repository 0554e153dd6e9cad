//! The members of a hunt group that ring for a call.

use std::collections::HashSet;

use super::{Edge, Label, Node, NodeKind, Phones, Reason, Ring, Status, Table, ring_seconds};
use crate::pbx::{HuntDetails, HuntOrder, SourceKind, TargetKind};

/// The members of a hunt group, as a call finds them.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The ids of the extensions that ring, in the order of the rounds.
    pub(super) ringing: Vec<i64>,
    /// The number of members that take calls.
    members: usize,
    in_use: usize,
    offline: usize,
}

impl Group {
    /// The members of a group now. Turns are taken among all that take calls, so that the turn does
    /// not depend on who is in a call.
    pub(super) fn find(table: &Table, id: i64, details: &HuntDetails, phones: &dyn Phones) -> Self {
        let mut ringing = members(table, id);
        let members = ringing.len();
        if details.order() == HuntOrder::Cycle && members > 0 {
            ringing.rotate_left(phones.turn(id) % members);
        }
        let (mut in_use, mut offline) = (0, 0);
        ringing.retain(|extension| match phones.status(*extension) {
            Status::Offline => {
                offline += 1;
                false
            }
            Status::Busy if details.check_in_use => {
                in_use += 1;
                false
            }
            Status::Available | Status::Busy => true,
        });
        Self {
            ringing,
            members,
            in_use,
            offline,
        }
    }

    /// The reason for which nobody rings.
    pub(super) const fn reason(&self) -> Reason {
        match self.in_use {
            0 => Reason::Offline,
            _ => Reason::Busy,
        }
    }

    /// The sentence about the group.
    pub(super) fn said(&self, label: Label<'_>) -> String {
        let (ringing, members) = (self.ringing.len(), self.members);
        let mut said = format!("{ringing} of {members} members of {label} can ring");
        for (count, state) in [(self.in_use, "in use"), (self.offline, "offline")] {
            if count > 0 {
                said.push_str(&format!(", {count} {state}"));
            }
        }
        said
    }
}

/// The extensions of a hunt group that take calls, each once, in their order. A member that is no
/// extension does not ring.
pub(super) fn members(table: &Table, id: i64) -> Vec<i64> {
    let edges = table.destinations(SourceKind::HuntList, id).iter();
    let rings =
        |edge: &&Edge| edge.target == TargetKind::Extension && table.obstacle(edge).is_none();
    let mut members: Vec<i64> = edges.filter(rings).map(|edge| edge.target_id).collect();
    let mut sorted = members.clone();
    sorted.sort_unstable();
    // Comparing all with all is too slow for large groups, and hardly ever needed.
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
        let mut seen = HashSet::new();
        members.retain(|member| seen.insert(*member));
    }
    members
}

/// The ringing of a hunt group.
pub(super) fn ring(id: i64, details: &HuntDetails, extensions: Vec<i64>) -> Ring {
    let order = details.order();
    Ring {
        by: Node::new(NodeKind::Hunt, id),
        extensions,
        at_once: matches!(order, HuntOrder::RingAll | HuntOrder::RingAllOverLoop),
        seconds: ring_seconds(details.ring_time),
        repeats: order == HuntOrder::RingAllOverLoop,
    }
}
