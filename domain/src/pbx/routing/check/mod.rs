//! The check of a configuration: what is wrong with it before a call finds out.

mod circles;
mod records;

use super::{Node, NodeKind, Table};

/// A problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The kind.
    pub kind: ProblemKind,
    /// The record to correct.
    pub subject: Node,
    /// The problem in plain words.
    pub said: String,
}

/// A kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProblemKind {
    /// A destination whose word for source or target is unknown, or without an id.
    UnknownWord,
    /// A destination from a record that does not exist.
    DanglingSource,
    /// A destination to a record that does not exist, or has no number.
    DanglingTarget,
    /// A member of a hunt group that is no extension, and so does not ring.
    MemberNotExtension,
    /// A circle that calls can go round without anybody doing anything.
    Circle,
    /// A condition that is not understood, and so is false.
    ConditionNotUnderstood,
    /// A DID that leads nowhere.
    DidWithoutDestination,
    /// A DID whose number is not assigned to the tenant, so that no call comes in at it.
    DidNotConnected,
    /// An IVR that leads nowhere when no digit comes.
    IvrWithoutTimeout,
    /// A hunt group without a member that takes calls.
    HuntWithoutMembers,
    /// A hunt group of an unknown type, which rings all.
    UnknownHuntType,
    /// A number of more than one extension or hunt group.
    NumberUsedTwice,
    /// A source with more destinations than are considered, such as a hunt group with more members
    /// than ring.
    TooManyDestinations,
}

impl ProblemKind {
    /// The word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownWord => "unknown_word",
            Self::DanglingSource => "dangling_source",
            Self::DanglingTarget => "dangling_target",
            Self::MemberNotExtension => "member_not_extension",
            Self::Circle => "circle",
            Self::ConditionNotUnderstood => "condition_not_understood",
            Self::DidWithoutDestination => "did_without_destination",
            Self::DidNotConnected => "did_not_connected",
            Self::IvrWithoutTimeout => "ivr_without_timeout",
            Self::HuntWithoutMembers => "hunt_without_members",
            Self::UnknownHuntType => "unknown_hunt_type",
            Self::NumberUsedTwice => "number_used_twice",
            Self::TooManyDestinations => "too_many_destinations",
        }
    }
}

impl Problem {
    fn new(kind: ProblemKind, subject: Node, said: String) -> Self {
        Self {
            kind,
            subject,
            said,
        }
    }
}

/// The problems of a tenant's configuration, by record.
pub fn check(table: &Table) -> Vec<Problem> {
    let mut problems = Vec::new();
    records::unreadable_destinations(table, &mut problems);
    records::destinations(table, &mut problems);
    records::dids(table, &mut problems);
    records::hunts(table, &mut problems);
    records::ivrs(table, &mut problems);
    records::conditions(table, &mut problems);
    records::numbers(table, &mut problems);
    circles::circles(table, &mut problems);
    problems.sort_by(|one, other| {
        let key = |it: &Problem| (it.subject, it.kind);
        key(one)
            .cmp(&key(other))
            .then_with(|| one.said.cmp(&other.said))
    });
    problems
}

/// The record of this kind and id.
const fn node(kind: NodeKind, id: i64) -> Node {
    Node::new(kind, id)
}
