//! The words in which routes and problems speak of records.

use std::fmt;

use super::{Node, NodeKind, Step, destinations::Edge, table::Obstacle, table::Table};
use crate::{
    pbx::{SourceKind, TargetKind},
    values::Line,
};

/// The name of a record for people, such as `extension 100` or `IVR 4 (Main menu)`.
#[derive(Clone, Copy)]
pub struct Label<'a> {
    table: &'a Table,
    node: Node,
}

/// The name of the target of a destination.
pub(super) struct TargetLabel<'a> {
    table: &'a Table,
    edge: &'a Edge,
}

/// The fact because of which a destination of a source is taken.
struct Fact<'a> {
    source: SourceKind,
    from: Label<'a>,
}

impl Table {
    /// The name of a record for people.
    pub const fn label(&self, node: Node) -> Label<'_> {
        Label { table: self, node }
    }

    /// The name of the target of a destination, for people.
    pub(super) const fn target_label<'a>(&'a self, edge: &'a Edge) -> TargetLabel<'a> {
        TargetLabel { table: self, edge }
    }

    /// The sentence about a destination that is taken.
    pub(super) fn said_of_taken(&self, source: SourceKind, from: Node, edge: &Edge) -> String {
        let from = self.label(from);
        let (fact, id) = (Fact { source, from }, edge.id);
        if edge.target == TargetKind::HangUp {
            return format!("{fact}: destination {id} ends the call");
        }
        let target = self.target_label(edge);
        format!("{fact}: destination {id} leads to {target}")
    }

    /// The sentence about a destination that is passed over; without an obstacle, because it was
    /// taken before.
    pub(super) fn said_of_passed(&self, edge: &Edge, obstacle: Option<Obstacle>) -> String {
        let id = edge.id;
        let Some(obstacle) = obstacle else {
            return format!("destination {id} is passed over: this call has taken it before");
        };
        let target = self.target_label(edge);
        let reason = obstacle.as_str();
        format!("destination {id} is passed over: {target} {reason}")
    }
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, node } = *self;
        let Node { kind, id } = node;
        let hunt_number = || table.hunts.get(&id)?.number.as_ref().map(Line::as_str);
        let number = match kind {
            NodeKind::Extension => table.extensions.get(&id).map(|it| it.number.as_str()),
            NodeKind::Did => table.dids.get(&id).map(|it| it.number.as_str()),
            NodeKind::Hunt => hunt_number(),
            _ => None,
        };
        if let Some(number) = number {
            return write!(f, "{} {number}", kind.noun());
        }
        let name = match kind {
            NodeKind::Ivr => table.ivrs.get(&id).map(|it| &it.name),
            NodeKind::Condition => table.conditions.get(&id).map(|it| &it.name),
            NodeKind::Voicemail => table.voicemails.get(&id).map(|it| &it.name),
            NodeKind::Custom => table.customs.get(&id).map(|it| &it.name),
            NodeKind::Disa => table.disas.get(&id).map(|it| &it.name),
            NodeKind::Destination => Some(&None),
            NodeKind::Extension | NodeKind::Did | NodeKind::Hunt => None,
        };
        match name {
            Some(Some(name)) => write!(f, "{} {id} ({name})", kind.noun()),
            Some(None) => write!(f, "{} {id}", kind.noun()),
            None => write!(f, "the {} of id {id}", kind.noun()),
        }
    }
}

impl fmt::Display for TargetLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Node::of_target(self.edge.target, self.edge.target_id) {
            Some(node) => self.table.label(node).fmt(f),
            None => f.write_str("the end of the call"),
        }
    }
}

impl fmt::Display for Fact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from;
        match self.source {
            SourceKind::Did => write!(f, "{from} was called"),
            SourceKind::DidUnconditional => write!(f, "{from} sends every call on"),
            SourceKind::ExtBusy => write!(f, "{from} is busy"),
            SourceKind::ExtNoAnswer => write!(f, "{from} did not answer"),
            SourceKind::ExtOffline => write!(f, "{from} is offline"),
            SourceKind::ExtUnconditional => write!(f, "{from} sends every call on"),
            SourceKind::HuntList => write!(f, "{from} has a member"),
            SourceKind::HuntListTimeout => write!(f, "nobody in {from} answered"),
            SourceKind::IvrDigit(digit) => write!(f, "{digit} was pressed in {from}"),
            SourceKind::IvrStar => write!(f, "* was pressed in {from}"),
            SourceKind::IvrSharp => write!(f, "# was pressed in {from}"),
            SourceKind::IvrTimeout => write!(f, "nothing was pressed in {from}"),
            SourceKind::IvrWrong => write!(f, "no choice of {from} was pressed"),
            SourceKind::Condition => write!(f, "{from} is true"),
            SourceKind::NotCondition => write!(f, "{from} is false"),
            SourceKind::VoicemailOperator => {
                write!(f, "the caller of {from} asked for the operator")
            }
        }
    }
}

impl Obstacle {
    /// The rest of a sentence about the target.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "does not exist",
            Self::Inactive => "is inactive",
            Self::NoNumber => "has no number",
        }
    }
}

/// The sentence about a step at a record of this name.
pub(super) fn said_of_step(step: &Step, label: Label<'_>) -> String {
    match step {
        Step::Ring(ring) => format!("{label} rings for {} seconds", ring.seconds),
        Step::PlayIvr { timeout, .. } => {
            format!("{label} plays and waits {timeout} seconds for a digit")
        }
        Step::Voicemail { .. } => format!("{label} records a message"),
        Step::Forward { number, .. } => format!("{label} forwards the call to {number}"),
        Step::AskPin { .. } => format!("{label} asks for its PIN"),
        Step::Connected => format!("{label} has taken the call"),
        Step::HangUp { reason } => format!("the call ends at {label}: {}", reason.said()),
    }
}
