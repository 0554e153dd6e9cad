//! Circles of records that lead on at once, without anybody doing anything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Node, NodeKind, Problem, ProblemKind, Table, node};
use crate::pbx::{SourceKind, routing::group};

/// The most records of a circle that its sentence names.
const MAX_NAMED: usize = 10;

/// The records that each record leads on to at once.
type Graph = BTreeMap<Node, Vec<Node>>;

/// Reports circles: one for each set of records that can all be reached from one another.
pub(super) fn circles(table: &Table, problems: &mut Vec<Problem>) {
    let graph = graph(table);
    for component in components(&graph) {
        if let Some(circle) = shortest_circle(&graph, &component) {
            let subject = circle[0];
            let said = said(table, &circle);
            problems.push(Problem::new(ProblemKind::Circle, subject, said));
        }
    }
}

fn said(table: &Table, circle: &[Node]) -> String {
    let label = |it: &Node| table.label(*it).to_string();
    let labels = circle.iter().take(MAX_NAMED).map(label);
    let mut way: Vec<String> = labels.collect();
    if circle.len() > MAX_NAMED {
        way.push(format!("{} more", circle.len() - MAX_NAMED));
    }
    way.push(label(&circle[0]));
    format!("calls can go in a circle: {}", way.join(" → "))
}

/// The graph of what leads on at once. DIDs are left out: nothing leads to them.
fn graph(table: &Table) -> Graph {
    let mut graph = Graph::new();
    let mut add = |kind, id, source| {
        let target = table.first_usable(source, id);
        let target = target.and_then(|edge| Node::of_target(edge.target, edge.target_id));
        let targets = graph.entry(node(kind, id)).or_default();
        targets.extend(target);
    };
    for id in table.extensions.keys() {
        add(NodeKind::Extension, *id, SourceKind::ExtUnconditional);
    }
    for id in table.conditions.keys() {
        add(NodeKind::Condition, *id, SourceKind::Condition);
        add(NodeKind::Condition, *id, SourceKind::NotCondition);
    }
    for id in table.hunts.keys() {
        if group::members(table, *id).is_empty() {
            add(NodeKind::Hunt, *id, SourceKind::HuntListTimeout);
        }
    }
    graph
}

/// The strongly connected components of a graph, by the algorithm of Kosaraju, without recursion.
fn components(graph: &Graph) -> Vec<BTreeSet<Node>> {
    let mut back = Graph::new();
    for (from, targets) in graph {
        for to in targets {
            back.entry(*to).or_default().push(*from);
        }
    }
    let mut assigned = BTreeSet::new();
    let mut components = Vec::new();
    for start in finished(graph).into_iter().rev() {
        let mut component = BTreeSet::new();
        let mut stack = vec![start];
        while let Some(node) = stack.pop() {
            if assigned.insert(node) {
                component.insert(node);
                stack.extend(back.get(&node).into_iter().flatten());
            }
        }
        if !component.is_empty() {
            components.push(component);
        }
    }
    components
}

/// The nodes in the order in which a depth-first search leaves them.
fn finished(graph: &Graph) -> Vec<Node> {
    let (mut seen, mut finished) = (BTreeSet::new(), Vec::new());
    for start in graph.keys() {
        let mut stack = vec![(*start, false)];
        while let Some((node, is_left)) = stack.pop() {
            if is_left {
                finished.push(node);
            } else if seen.insert(node) {
                stack.push((node, true));
                let targets = graph.get(&node).into_iter().flatten();
                stack.extend(targets.map(|target| (*target, false)));
            }
        }
    }
    finished
}

/// The shortest way from the first node of a component back to it, beginning with that node.
fn shortest_circle(graph: &Graph, component: &BTreeSet<Node>) -> Option<Vec<Node>> {
    let start = *component.first()?;
    let mut before: BTreeMap<Node, Node> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for target in graph.get(&node).into_iter().flatten() {
            if !component.contains(target) || before.contains_key(target) {
                continue;
            }
            before.insert(*target, node);
            if *target == start {
                return Some(way_back(&before, start));
            }
            queue.push_back(*target);
        }
    }
    None
}

fn way_back(before: &BTreeMap<Node, Node>, start: Node) -> Vec<Node> {
    let step = |node: &Node| before.get(node).copied().filter(|it| *it != start);
    let mut way: Vec<Node> = std::iter::successors(step(&start), step).collect();
    way.push(start);
    way.reverse();
    way
}
