//! The routing decision: the outcome of a step in, the next step out.

use super::{
    Call, Entry, Hop, Node, NodeKind, Reason, Route, Rule, Step, StepOutcome, Table,
    call::source_of_key, destinations::Edge, explain::said_of_step, route::Stage,
};
use crate::pbx::SourceKind;

/// The next step of a call. The first is that of a new route with [`StepOutcome::Arrived`]; the
/// outcome of each leads to the one after it, until [`Step::Connected`] or [`Step::HangUp`], after
/// which nothing changes.
///
/// A destination is taken once in a call, and a call comes to at most [`MAX_HOPS`] records:
/// whatever the configuration and whatever the outcomes, it ends. The table may change between steps.
///
/// [`MAX_HOPS`]: super::MAX_HOPS
pub fn next(table: &Table, call: &Call<'_>, route: &mut Route, outcome: StepOutcome) -> Step {
    if let Some(step) = route.end() {
        return step.clone();
    }
    let mut router = Router { table, call, route };
    let mut turn = router.receive(outcome);
    loop {
        match turn {
            Turn::Enter(node) => turn = router.enter(node),
            Turn::Stop(step) => return step,
        }
    }
}

/// A decision that is being made.
pub(super) struct Router<'a, 'c> {
    pub(super) table: &'a Table,
    pub(super) call: &'a Call<'c>,
    pub(super) route: &'a mut Route,
}

/// The way on within a decision.
pub(super) enum Turn {
    /// The call comes to this record.
    Enter(Node),
    /// The decision is this step.
    Stop(Step),
}

/// The lack of a destination to take.
pub(super) struct NoneFollows {
    /// True if there is one that was taken before.
    in_circle: bool,
}

impl Router<'_, '_> {
    fn receive(&mut self, outcome: StepOutcome) -> Turn {
        match (self.route.stage.clone(), outcome) {
            (Stage::New, StepOutcome::Arrived) => self.dial(),
            (Stage::Ringing(node), outcome) => self.after_ringing(node, &outcome),
            (Stage::Menu(node), outcome) => self.after_menu(node, &outcome),
            (Stage::Recording(node), outcome) => self.after_voicemail(node, &outcome),
            (Stage::Forwarding(node), outcome) => self.after_forwarding(node, &outcome),
            (Stage::Pin(node), outcome) => self.after_pin(node, &outcome),
            (Stage::New | Stage::Ended(_), _) => self.hang_up(None, Reason::Unexpected),
        }
    }

    fn dial(&mut self) -> Turn {
        match &self.call.to {
            Entry::Did(id) => {
                let node = Node::new(NodeKind::Did, *id);
                self.arrive(Some(node), || "its DID was dialled".to_owned())
            }
            Entry::Number(number) => {
                let holder = self.table.holder(number);
                self.arrive(holder, || format!("{number} was dialled"))
            }
        }
    }

    /// Goes to the record of a dialled number.
    fn arrive(&mut self, holder: Option<Node>, dialled: impl FnOnce() -> String) -> Turn {
        let Some(node) = holder.filter(|node| self.table.takes_calls(*node)) else {
            return self.hang_up(holder, Reason::NoSuchNumber);
        };
        if !self.route.count_hop() {
            return self.hang_up(holder, Reason::TooManyHops);
        }
        let said = format!("{}: the call goes to {}", dialled(), self.table.label(node));
        self.explain(Rule::Dialled, node, None, said);
        Turn::Enter(node)
    }

    fn after_ringing(&mut self, node: Node, outcome: &StepOutcome) -> Turn {
        let (of_extension, reason) = match outcome {
            StepOutcome::Answered => return self.connect(node),
            StepOutcome::NoAnswer | StepOutcome::TimedOut => {
                (SourceKind::ExtNoAnswer, Reason::NoAnswer)
            }
            StepOutcome::Busy => (SourceKind::ExtBusy, Reason::Busy),
            StepOutcome::Offline => (SourceKind::ExtOffline, Reason::Offline),
            _ => return self.hang_up(Some(node), Reason::Unexpected),
        };
        let source = match node.kind {
            NodeKind::Hunt => SourceKind::HuntListTimeout,
            _ => of_extension,
        };
        self.follow_or_hang_up(node, &[source], reason)
    }

    fn after_menu(&mut self, node: Node, outcome: &StepOutcome) -> Turn {
        let wrong = SourceKind::IvrWrong;
        let sources = match outcome {
            StepOutcome::Digit(key) => {
                source_of_key(*key).map_or(vec![wrong], |it| vec![it, wrong])
            }
            StepOutcome::WrongDigit => vec![wrong],
            StepOutcome::TimedOut => vec![SourceKind::IvrTimeout],
            _ => return self.hang_up(Some(node), Reason::Unexpected),
        };
        self.follow_or_hang_up(node, &sources, Reason::NoDestination)
    }

    fn after_voicemail(&mut self, node: Node, outcome: &StepOutcome) -> Turn {
        match outcome {
            StepOutcome::Operator => {
                let source = SourceKind::VoicemailOperator;
                self.follow_or_hang_up(node, &[source], Reason::NoDestination)
            }
            StepOutcome::Answered | StepOutcome::NoAnswer | StepOutcome::TimedOut => {
                self.hang_up(Some(node), Reason::Completed)
            }
            _ => self.hang_up(Some(node), Reason::Unexpected),
        }
    }

    fn after_forwarding(&mut self, node: Node, outcome: &StepOutcome) -> Turn {
        let reason = match outcome {
            StepOutcome::Answered => return self.connect(node),
            StepOutcome::NoAnswer | StepOutcome::TimedOut => Reason::NoAnswer,
            StepOutcome::Busy => Reason::Busy,
            StepOutcome::Offline => Reason::Offline,
            _ => Reason::Unexpected,
        };
        self.hang_up(Some(node), reason)
    }

    fn after_pin(&mut self, node: Node, outcome: &StepOutcome) -> Turn {
        let number = match outcome {
            StepOutcome::PinAccepted { number } => number,
            StepOutcome::PinRefused | StepOutcome::WrongDigit | StepOutcome::TimedOut => {
                return self.hang_up(Some(node), Reason::PinRefused);
            }
            _ => return self.hang_up(Some(node), Reason::Unexpected),
        };
        match self.table.holder(number) {
            Some(holder) => self.arrive(Some(holder), || format!("{number} was dialled on")),
            None => self.dial_out(node, number),
        }
    }

    fn dial_out(&mut self, node: Node, number: &str) -> Turn {
        let disa = self.table.disas.get(&node.id);
        if !disa.is_some_and(|disa| disa.outbound) {
            return self.hang_up(Some(node), Reason::NotPermitted);
        }
        match number.parse() {
            Ok(number) => self.forward(node, number),
            Err(_) => self.hang_up(Some(node), Reason::NoSuchNumber),
        }
    }

    /// Takes the first destination of the first source that can be taken.
    pub(super) fn follow(
        &mut self,
        from: Node,
        sources: &[SourceKind],
    ) -> Result<Turn, NoneFollows> {
        let mut in_circle = false;
        let table = self.table;
        for source in sources {
            for edge in table.destinations(*source, from.id) {
                let is_taken = self.route.has_taken(edge.id);
                let obstacle = table.obstacle(edge);
                if !is_taken && obstacle.is_none() {
                    return Ok(self.take(*source, from, edge));
                }
                in_circle |= is_taken && obstacle.is_none();
                self.route.note(|| Hop {
                    rule: Rule::PassedOver,
                    subject: Some(from),
                    destination: Some(edge.id),
                    said: table.said_of_passed(edge, obstacle),
                });
            }
        }
        Err(NoneFollows { in_circle })
    }

    /// Takes the first destination that can be taken, or hangs up.
    pub(super) fn follow_or_hang_up(
        &mut self,
        from: Node,
        sources: &[SourceKind],
        otherwise: Reason,
    ) -> Turn {
        match self.follow(from, sources) {
            Ok(turn) => turn,
            Err(none) if none.in_circle => self.hang_up(Some(from), Reason::Circle),
            Err(_) => self.hang_up(Some(from), otherwise),
        }
    }

    fn take(&mut self, source: SourceKind, from: Node, edge: &Edge) -> Turn {
        if !self.route.count_hop() {
            return self.hang_up(Some(from), Reason::TooManyHops);
        }
        self.route.take(edge.id);
        let said = self.table.said_of_taken(source, from, edge);
        self.explain(Rule::Source(source), from, Some(edge.id), said);
        match Node::of_target(edge.target, edge.target_id) {
            Some(node) => Turn::Enter(node),
            None => self.hang_up(Some(from), Reason::Configured),
        }
    }

    pub(super) fn connect(&mut self, node: Node) -> Turn {
        let stage = Stage::Ended(Step::Connected);
        self.stop(Rule::Connected, node, Step::Connected, stage)
    }

    pub(super) fn hang_up(&mut self, at: Option<Node>, reason: Reason) -> Turn {
        let step = Step::HangUp { reason };
        let stage = Stage::Ended(step.clone());
        if let Some(node) = at {
            return self.stop(Rule::HangUp, node, step, stage);
        }
        self.route.explain(Hop {
            rule: Rule::HangUp,
            subject: None,
            destination: None,
            said: format!("the call ends: {}", reason.said()),
        });
        self.route.stage = stage;
        Turn::Stop(step)
    }

    /// Decides for a step at a record.
    pub(super) fn stop(&mut self, rule: Rule, node: Node, step: Step, stage: Stage) -> Turn {
        let said = said_of_step(&step, self.table.label(node));
        self.explain(rule, node, None, said);
        self.route.stage = stage;
        Turn::Stop(step)
    }

    pub(super) fn explain(
        &mut self,
        rule: Rule,
        subject: Node,
        destination: Option<i64>,
        said: String,
    ) {
        self.route.explain(Hop {
            rule,
            subject: Some(subject),
            destination,
            said,
        });
    }
}
