//! The part of the decision that a record makes when a call comes to it.

use super::{
    Node, NodeKind, Reason, Ring, Rule, Status, Step,
    conditions::answer,
    decide::{Router, Turn},
    group::{Group, ring},
    menu_seconds, ring_seconds,
    route::Stage,
};
use crate::{pbx::SourceKind, values::PhoneNumber};

impl Router<'_, '_> {
    /// The way on from a record that takes calls.
    pub(super) fn enter(&mut self, node: Node) -> Turn {
        match node.kind {
            NodeKind::Did => {
                let sources = [SourceKind::DidUnconditional, SourceKind::Did];
                self.follow_or_hang_up(node, &sources, Reason::NoDestination)
            }
            NodeKind::Extension => self.enter_extension(node),
            NodeKind::Hunt => self.enter_hunt(node),
            NodeKind::Ivr => self.enter_ivr(node),
            NodeKind::Condition => self.enter_condition(node),
            NodeKind::Voicemail => {
                let step = Step::Voicemail { id: node.id };
                self.stop(Rule::Voicemail, node, step, Stage::Recording(node))
            }
            NodeKind::Custom => self.enter_custom(node),
            NodeKind::Disa => {
                let step = Step::AskPin { id: node.id };
                self.stop(Rule::AskPin, node, step, Stage::Pin(node))
            }
            NodeKind::Destination => self.hang_up(Some(node), Reason::NoDestination),
        }
    }

    fn enter_extension(&mut self, node: Node) -> Turn {
        if let Ok(turn) = self.follow(node, &[SourceKind::ExtUnconditional]) {
            return turn;
        }
        match self.call.phones.status(node.id) {
            Status::Available => {
                let extension = self.table.extensions.get(&node.id);
                let ring = Ring {
                    by: node,
                    extensions: vec![node.id],
                    at_once: true,
                    seconds: ring_seconds(extension.and_then(|it| it.ring_time)),
                    repeats: false,
                };
                self.stop(Rule::Ring, node, Step::Ring(ring), Stage::Ringing(node))
            }
            Status::Busy => self.follow_or_hang_up(node, &[SourceKind::ExtBusy], Reason::Busy),
            Status::Offline => {
                self.follow_or_hang_up(node, &[SourceKind::ExtOffline], Reason::Offline)
            }
        }
    }

    fn enter_hunt(&mut self, node: Node) -> Turn {
        let table = self.table;
        let Some(details) = table.hunts.get(&node.id) else {
            return self.hang_up(Some(node), Reason::NoDestination);
        };
        let group = Group::find(table, node.id, details, self.call.phones);
        let said = group.said(table.label(node));
        self.explain(Rule::Members, node, None, said);
        if group.ringing.is_empty() {
            let reason = group.reason();
            return self.follow_or_hang_up(node, &[SourceKind::HuntListTimeout], reason);
        }
        let step = Step::Ring(ring(node.id, details, group.ringing));
        self.stop(Rule::Ring, node, step, Stage::Ringing(node))
    }

    fn enter_ivr(&mut self, node: Node) -> Turn {
        let ivr = self.table.ivrs.get(&node.id);
        let step = Step::PlayIvr {
            id: node.id,
            recording: ivr.and_then(|ivr| ivr.recording_id),
            timeout: menu_seconds(ivr.and_then(|ivr| ivr.timeout)),
        };
        self.stop(Rule::PlayIvr, node, step, Stage::Menu(node))
    }

    fn enter_condition(&mut self, node: Node) -> Turn {
        let call = self.call;
        let answer = answer(self.table, node.id, call.from.as_deref(), call.at);
        if let Some(flaw) = answer.flaw {
            let subject = Node::new(NodeKind::Condition, flaw.condition);
            let label = self.table.label(subject);
            let said = format!("{label} is not understood, so it is false: {}", flaw.reason);
            self.explain(Rule::NotUnderstood, subject, None, said);
        }
        let source = if answer.is_true {
            SourceKind::Condition
        } else {
            SourceKind::NotCondition
        };
        self.follow_or_hang_up(node, &[source], Reason::NoDestination)
    }

    fn enter_custom(&mut self, node: Node) -> Turn {
        let custom = self.table.customs.get(&node.id);
        match custom.and_then(|custom| custom.number.clone()) {
            Some(number) => self.forward(node, number),
            None => self.hang_up(Some(node), Reason::NoDestination),
        }
    }

    /// Calls a number outside for a custom destination or DISA.
    pub(super) fn forward(&mut self, node: Node, number: PhoneNumber) -> Turn {
        let step = Step::Forward { number, by: node };
        self.stop(Rule::Forward, node, step, Stage::Forwarding(node))
    }
}
