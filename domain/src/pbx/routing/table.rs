//! The configuration of one tenant in memory, in the form that calls are routed by.
//!
//! A table is changed record by record, as events come in; it is the same whatever the order of the
//! changes that led to it.

use std::collections::{HashMap, hash_map::Entry};

use super::{
    MAX_DESTINATIONS, Node, NodeKind,
    conditions::ConditionEntry,
    destinations::{Destinations, Edge},
    number::normalised,
};
use crate::{
    pbx::{
        ConditionDetails, CustomDetails, DestinationDetails, DisaDetails, HuntDetails, IvrDetails,
        SourceKind, VoicemailDetails,
    },
    values::Line,
};

/// An extension: an account with a number within the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionEntry {
    /// The id of the account.
    pub id: i64,
    /// The number that is dialled within the tenant.
    pub number: String,
    /// The name, for people.
    pub name: String,
    /// The seconds that it rings.
    pub ring_time: Option<u32>,
    /// False if it takes no calls.
    pub active: bool,
}

/// A DID: an account with a number that is dialled from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DidEntry {
    /// The id of the account.
    pub id: i64,
    /// The number, in any notation.
    pub number: String,
    /// True if calls to the number come in at this installation.
    pub connected: bool,
    /// False if it takes no calls.
    pub active: bool,
}

impl DidEntry {
    /// True if calls come in at it.
    pub(super) fn takes_calls(&self) -> bool {
        self.active && self.connected
    }
}

/// A voicemail box, without the secrets of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VoicemailEntry {
    pub(super) name: Option<Line>,
}

/// A DISA, without the secrets of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DisaEntry {
    pub(super) name: Option<Line>,
    pub(super) outbound: bool,
}

/// The configuration of one tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub(super) extensions: HashMap<i64, ExtensionEntry>,
    pub(super) dids: HashMap<i64, DidEntry>,
    pub(super) hunts: HashMap<i64, HuntDetails>,
    pub(super) ivrs: HashMap<i64, IvrDetails>,
    pub(super) conditions: HashMap<i64, ConditionEntry>,
    pub(super) voicemails: HashMap<i64, VoicemailEntry>,
    pub(super) customs: HashMap<i64, CustomDetails>,
    pub(super) disas: HashMap<i64, DisaEntry>,
    pub(super) destinations: Destinations,
    /// The numbers of extensions and hunt groups as they are dialled, and those of DIDs in their
    /// normalised form. Holders are sorted; no list is empty.
    pub(super) numbers: HashMap<Box<str>, Vec<Node>>,
}

/// The reason for which a destination is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The target does not exist.
    Missing,
    /// The target is an extension that takes no calls.
    Inactive,
    /// The target is a custom destination without a number.
    NoNumber,
}

impl Table {
    /// Adds an extension, or replaces the one of this id.
    pub fn set_extension(&mut self, entry: ExtensionEntry) {
        self.remove_extension(entry.id);
        let node = Node::new(NodeKind::Extension, entry.id);
        self.hold(entry.number.trim(), node);
        self.extensions.insert(entry.id, entry);
    }

    /// Removes an extension.
    pub fn remove_extension(&mut self, id: i64) {
        if let Some(entry) = self.extensions.remove(&id) {
            let node = Node::new(NodeKind::Extension, id);
            self.release(entry.number.trim(), node);
        }
    }

    /// Adds a DID, or replaces the one of this id. Within [`super::Tables`], its own function does
    /// this, which knows the numbers of all tenants.
    pub(super) fn set_did(&mut self, entry: DidEntry) {
        self.remove_did(entry.id);
        let node = Node::new(NodeKind::Did, entry.id);
        self.hold(&normalised(&entry.number), node);
        self.dids.insert(entry.id, entry);
    }

    /// Removes a DID.
    pub(super) fn remove_did(&mut self, id: i64) {
        if let Some(entry) = self.dids.remove(&id) {
            let node = Node::new(NodeKind::Did, id);
            self.release(&normalised(&entry.number), node);
        }
    }

    /// Adds a hunt group, or replaces the one of this id.
    pub fn set_hunt(&mut self, id: i64, details: HuntDetails) {
        self.remove_hunt(id);
        if let Some(number) = &details.number {
            self.hold(number.as_str(), Node::new(NodeKind::Hunt, id));
        }
        self.hunts.insert(id, details);
    }

    /// Removes a hunt group.
    pub fn remove_hunt(&mut self, id: i64) {
        let removed = self.hunts.remove(&id);
        if let Some(number) = removed.and_then(|details| details.number) {
            self.release(number.as_str(), Node::new(NodeKind::Hunt, id));
        }
    }

    /// Adds an IVR, or replaces the one of this id.
    pub fn set_ivr(&mut self, id: i64, details: IvrDetails) {
        self.ivrs.insert(id, details);
    }

    /// Removes an IVR.
    pub fn remove_ivr(&mut self, id: i64) {
        self.ivrs.remove(&id);
    }

    /// Adds a condition, or replaces the one of this id.
    pub fn set_condition(&mut self, id: i64, details: &ConditionDetails) {
        self.conditions.insert(id, ConditionEntry::read(details));
    }

    /// Removes a condition.
    pub fn remove_condition(&mut self, id: i64) {
        self.conditions.remove(&id);
    }

    /// Adds a voicemail box, or replaces the one of this id.
    pub fn set_voicemail(&mut self, id: i64, details: &VoicemailDetails) {
        let name = details.fullname.clone();
        self.voicemails.insert(id, VoicemailEntry { name });
    }

    /// Removes a voicemail box.
    pub fn remove_voicemail(&mut self, id: i64) {
        self.voicemails.remove(&id);
    }

    /// Adds a custom destination, or replaces the one of this id.
    pub fn set_custom(&mut self, id: i64, details: CustomDetails) {
        self.customs.insert(id, details);
    }

    /// Removes a custom destination.
    pub fn remove_custom(&mut self, id: i64) {
        self.customs.remove(&id);
    }

    /// Adds a DISA, or replaces the one of this id.
    pub fn set_disa(&mut self, id: i64, details: &DisaDetails) {
        let entry = DisaEntry {
            name: details.name.clone(),
            outbound: details.outbound,
        };
        self.disas.insert(id, entry);
    }

    /// Removes a DISA.
    pub fn remove_disa(&mut self, id: i64) {
        self.disas.remove(&id);
    }

    /// Adds a destination, or replaces the one of this id, whatever its source was.
    pub fn set_destination(&mut self, id: i64, details: DestinationDetails) {
        self.destinations.set(id, details);
    }

    /// Removes a destination.
    pub fn remove_destination(&mut self, id: i64) {
        self.destinations.remove(id);
    }

    /// The destinations of a source, in the order in which they are tried: the first
    /// [`MAX_DESTINATIONS`].
    pub fn destinations(&self, source: SourceKind, id: i64) -> &[Edge] {
        let all = self.destinations.all_of(source, id);
        &all[..all.len().min(MAX_DESTINATIONS)]
    }

    /// The first destination of a source that a call can take.
    pub(super) fn first_usable(&self, source: SourceKind, id: i64) -> Option<&Edge> {
        let edges = self.destinations(source, id);
        edges.iter().find(|edge| self.obstacle(edge).is_none())
    }

    /// The extension, hunt group or DID of this number; of several, those that take calls come
    /// first, then extensions before hunt groups before DIDs.
    pub fn holder(&self, number: &str) -> Option<Node> {
        let dialled = self.holders(number.trim()).iter();
        let by_digits = self.holders(&normalised(number)).iter();
        let within = dialled.filter(|node| node.kind != NodeKind::Did);
        let dids = by_digits.filter(|node| node.kind == NodeKind::Did);
        let all = within.chain(dids).copied();
        all.min_by_key(|node| (!self.takes_calls(*node), *node))
    }

    /// True if a call can go to this record: it exists, and is not inactive.
    pub fn takes_calls(&self, node: Node) -> bool {
        self.obstacle_at(node).is_none()
    }

    pub(super) fn obstacle(&self, edge: &Edge) -> Option<Obstacle> {
        self.obstacle_at(Node::of_target(edge.target, edge.target_id)?)
    }

    pub(super) fn obstacle_at(&self, Node { kind, id }: Node) -> Option<Obstacle> {
        let missing = |exists: bool| (!exists).then_some(Obstacle::Missing);
        let inactive = |active: bool| (!active).then_some(Obstacle::Inactive);
        match kind {
            NodeKind::Extension => match self.extensions.get(&id) {
                Some(entry) => inactive(entry.active),
                None => missing(false),
            },
            NodeKind::Did => match self.dids.get(&id) {
                Some(entry) => inactive(entry.takes_calls()),
                None => missing(false),
            },
            NodeKind::Custom => match self.customs.get(&id) {
                Some(details) if details.number.is_none() => Some(Obstacle::NoNumber),
                found => missing(found.is_some()),
            },
            NodeKind::Hunt => missing(self.hunts.contains_key(&id)),
            NodeKind::Ivr => missing(self.ivrs.contains_key(&id)),
            NodeKind::Condition => missing(self.conditions.contains_key(&id)),
            NodeKind::Voicemail => missing(self.voicemails.contains_key(&id)),
            NodeKind::Disa => missing(self.disas.contains_key(&id)),
            NodeKind::Destination => missing(false),
        }
    }

    fn holders(&self, number: &str) -> &[Node] {
        self.numbers.get(number).map_or(&[], Vec::as_slice)
    }

    fn hold(&mut self, number: &str, node: Node) {
        if number.is_empty() {
            return;
        }
        match self.numbers.entry(number.into()) {
            Entry::Vacant(vacant) => {
                vacant.insert(vec![node]);
            }
            Entry::Occupied(mut holders) => {
                let at = holders.get().partition_point(|other| *other < node);
                holders.get_mut().insert(at, node);
            }
        }
    }

    fn release(&mut self, number: &str, node: Node) {
        if let Entry::Occupied(mut holders) = self.numbers.entry(number.into()) {
            holders.get_mut().retain(|other| *other != node);
            if holders.get().is_empty() {
                holders.remove();
            }
        }
    }
}
