//! Problems of single records.

use super::{Node, NodeKind, Problem, ProblemKind, Table, node};
use crate::{
    pbx::{
        DestinationDetails, HuntOrder, SourceKind, TargetKind,
        routing::{MAX_DESTINATIONS, conditions, destinations::Edge, group, table::Obstacle},
    },
    values::Line,
};

pub(super) fn unreadable_destinations(table: &Table, problems: &mut Vec<Problem>) {
    for (id, details) in table.destinations.unreadable() {
        let subject = node(NodeKind::Destination, id);
        let said = format!("{} {}", table.label(subject), unreadable(details));
        problems.push(Problem::new(ProblemKind::UnknownWord, subject, said));
    }
}

fn unreadable(details: &DestinationDetails) -> String {
    let word = |word: &Option<Line>| word.as_ref().map_or(String::new(), Line::to_string);
    let (source, target) = (word(&details.source_type), word(&details.target_type));
    if SourceKind::from_word(&source).is_none() {
        return format!("has the source type {source}, which is not known");
    }
    if details.source_id.is_none() {
        return format!("has the source type {source} without an id");
    }
    if TargetKind::from_word(&target).is_none() {
        return format!("has the target type {target}, which is not known");
    }
    format!("has the target type {target} without an id")
}

pub(super) fn destinations(table: &Table, problems: &mut Vec<Problem>) {
    for ((source, id), edges) in table.destinations.sources() {
        let from = Node::of_source(source, id);
        for edge in edges {
            let found = [
                dangling_source(table, from, edge),
                dangling_target(table, edge),
                other_member(table, source, from, edge),
            ];
            problems.extend(found.into_iter().flatten());
        }
        if edges.len() > MAX_DESTINATIONS {
            let (label, word, count) = (table.label(from), source.as_str(), edges.len());
            let said = format!(
                "{label} has {count} destinations {word}; only the first {MAX_DESTINATIONS} are \
                 considered"
            );
            problems.push(Problem::new(ProblemKind::TooManyDestinations, from, said));
        }
    }
}

fn dangling_source(table: &Table, from: Node, edge: &Edge) -> Option<Problem> {
    if table.obstacle_at(from) != Some(Obstacle::Missing) {
        return None;
    }
    let subject = node(NodeKind::Destination, edge.id);
    let (label, from) = (table.label(subject), table.label(from));
    let said = format!("{label} leads on from {from}, which does not exist");
    Some(Problem::new(ProblemKind::DanglingSource, subject, said))
}

/// A target that no call can go to; an inactive extension may be active again tomorrow.
fn dangling_target(table: &Table, edge: &Edge) -> Option<Problem> {
    let obstacle = table.obstacle(edge)?;
    if obstacle == Obstacle::Inactive {
        return None;
    }
    let subject = node(NodeKind::Destination, edge.id);
    let (label, target) = (table.label(subject), table.target_label(edge));
    let said = format!("{label} leads to {target}, which {}", obstacle.as_str());
    Some(Problem::new(ProblemKind::DanglingTarget, subject, said))
}

fn other_member(table: &Table, source: SourceKind, from: Node, edge: &Edge) -> Option<Problem> {
    if source != SourceKind::HuntList || edge.target == TargetKind::Extension {
        return None;
    }
    let subject = node(NodeKind::Destination, edge.id);
    let (label, group) = (table.label(subject), table.label(from));
    let target = table.target_label(edge);
    let said = format!("{label} makes {target} a member of {group}: only extensions ring");
    Some(Problem::new(ProblemKind::MemberNotExtension, subject, said))
}

pub(super) fn dids(table: &Table, problems: &mut Vec<Problem>) {
    for did in table.dids.values().filter(|did| did.active) {
        if !did.connected {
            let subject = node(NodeKind::Did, did.id);
            let label = table.label(subject);
            let said = format!("{label} gets no calls: its number is not assigned to the tenant");
            problems.push(Problem::new(ProblemKind::DidNotConnected, subject, said));
        }
        let sources = [SourceKind::DidUnconditional, SourceKind::Did];
        let mut usable = sources.iter().map(|it| table.first_usable(*it, did.id));
        if usable.all(|edge| edge.is_none()) {
            let subject = node(NodeKind::Did, did.id);
            let said = format!("{} leads nowhere: calls are hung up", table.label(subject));
            problems.push(Problem::new(
                ProblemKind::DidWithoutDestination,
                subject,
                said,
            ));
        }
    }
}

pub(super) fn hunts(table: &Table, problems: &mut Vec<Problem>) {
    for (id, details) in &table.hunts {
        let subject = node(NodeKind::Hunt, *id);
        let label = table.label(subject);
        if group::members(table, *id).is_empty() {
            let said = format!("{label} has no extension that takes calls");
            problems.push(Problem::new(ProblemKind::HuntWithoutMembers, subject, said));
        }
        let written = details.hunt_type.as_ref();
        if let Some(word) = written.filter(|word| HuntOrder::from_type(word.as_str()).is_none()) {
            let said = format!("{label} has the type {word}, which is not known: it rings all");
            problems.push(Problem::new(ProblemKind::UnknownHuntType, subject, said));
        }
    }
}

pub(super) fn ivrs(table: &Table, problems: &mut Vec<Problem>) {
    for id in table.ivrs.keys() {
        if table.first_usable(SourceKind::IvrTimeout, *id).is_none() {
            let subject = node(NodeKind::Ivr, *id);
            let label = table.label(subject);
            let said = format!("{label} leads nowhere if the caller presses nothing");
            problems.push(Problem::new(ProblemKind::IvrWithoutTimeout, subject, said));
        }
    }
}

pub(super) fn conditions(table: &Table, problems: &mut Vec<Problem>) {
    for id in table.conditions.keys() {
        if let Some(reason) = conditions::problem(table, *id) {
            let subject = node(NodeKind::Condition, *id);
            let label = table.label(subject);
            let said = format!("{label} is not understood, so it is false: {reason}");
            let kind = ProblemKind::ConditionNotUnderstood;
            problems.push(Problem::new(kind, subject, said));
        }
    }
}

/// Reports a number for each holder but the first, who gets the calls if all take calls.
pub(super) fn numbers(table: &Table, problems: &mut Vec<Problem>) {
    for (number, holders) in &table.numbers {
        let mut within = holders.iter().filter(|it| it.kind != NodeKind::Did);
        let Some(first) = within.next() else {
            continue;
        };
        for holder in within {
            let (one, other) = (with_id(table, *first), with_id(table, *holder));
            let said = format!("{number} is the number of {one} and of {other}");
            problems.push(Problem::new(ProblemKind::NumberUsedTwice, *holder, said));
        }
    }
}

fn with_id(table: &Table, holder: Node) -> String {
    format!("{} (id {})", table.label(holder), holder.id)
}
