//! A second reading of the rules, for comparison: it follows a call by recursion over the plain
//! list of destinations, in the words in which they are written.

use std::collections::VecDeque;

use super::{
    world::{Surroundings, World},
    *,
};

/// A mark on the way of a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    Took(i64),
    Step(Step),
}

/// The way of a call with these outcomes.
pub(super) fn way(world: &World, around: &Surroundings, outcomes: &[StepOutcome]) -> Vec<Mark> {
    let mut model = Model {
        world,
        around,
        outcomes: outcomes.iter().cloned().collect(),
        way: Vec::new(),
        hops: 0,
    };
    match &around.to {
        Entry::Did(id) => model.arrive("DID", *id),
        Entry::Number(number) => match model.holder(number) {
            Some((kind, id)) => model.arrive(kind, id),
            None => model.hang_up(Reason::NoSuchNumber),
        },
    }
    model.way
}

struct Model<'a> {
    world: &'a World,
    around: &'a Surroundings,
    outcomes: VecDeque<StepOutcome>,
    way: Vec<Mark>,
    hops: usize,
}

/// The result of a search for a destination.
#[derive(PartialEq)]
enum Search {
    /// One was taken, and the call has gone its way to the end.
    Gone,
    OnlyTaken,
    Nothing,
}

fn digits(number: &str) -> &str {
    match number {
        "+1 514-600-1434" | "15146001434" => "15146001434",
        "+15149239933" => "15149239933",
        "anonymous" | "x" => "",
        other => other,
    }
}

impl Model<'_> {
    fn arrive(&mut self, kind: &'static str, id: i64) {
        if !self.usable(kind, id) {
            self.hang_up(Reason::NoSuchNumber);
        } else if self.hops == 32 {
            self.hang_up(Reason::TooManyHops);
        } else {
            self.hops += 1;
            self.visit(kind, id);
        }
    }

    fn visit(&mut self, kind: &str, id: i64) {
        match kind {
            "DID" => self.go(&["DID-UNCONDITIONAL", "DID"], id, Reason::NoDestination),
            "EXT" => self.visit_extension(id),
            "HUNTLIST" => self.visit_hunt(id),
            "IVR" => self.visit_ivr(id),
            "CONDITION" if self.truth(id) => self.go(&["CONDITION"], id, Reason::NoDestination),
            "CONDITION" => self.go(&["NOTCONDITION"], id, Reason::NoDestination),
            "VOICEMAIL" => match self.step(Step::Voicemail { id }) {
                Some(StepOutcome::Operator) => {
                    self.go(&["VOICEMAIL-OPERATOR"], id, Reason::NoDestination);
                }
                Some(StepOutcome::Answered | StepOutcome::NoAnswer | StepOutcome::TimedOut) => {
                    self.hang_up(Reason::Completed);
                }
                Some(_) => self.hang_up(Reason::Unexpected),
                None => {}
            },
            "CUSTOM" => {
                let number = self.world.customs[&id].number.clone().unwrap();
                self.forward(number.as_str(), Node::new(NodeKind::Custom, id));
            }
            "DISA" => self.visit_disa(id),
            other => panic!("{other}"),
        }
    }

    fn visit_extension(&mut self, id: i64) {
        if self.search(&["EXT-UNCONDITIONAL"], id) == Search::Gone {
            return;
        }
        let outcome = match self.around.status(id) {
            Status::Busy => Some(StepOutcome::Busy),
            Status::Offline => Some(StepOutcome::Offline),
            Status::Available => self.step(rings(id)),
        };
        match outcome {
            None => {}
            Some(StepOutcome::Answered) => self.end(Step::Connected),
            Some(StepOutcome::NoAnswer | StepOutcome::TimedOut) => {
                self.go(&["EXT-NOANSWER"], id, Reason::NoAnswer);
            }
            Some(StepOutcome::Busy) => self.go(&["EXT-BUSY"], id, Reason::Busy),
            Some(StepOutcome::Offline) => self.go(&["EXT-OFFLINE"], id, Reason::Offline),
            Some(_) => self.hang_up(Reason::Unexpected),
        }
    }

    fn visit_hunt(&mut self, id: i64) {
        let hunt = &self.world.hunts[&id];
        let word = hunt.hunt_type.as_ref().unwrap().as_str();
        let members = self.listed("HUNTLIST", id);
        let mut members: Vec<i64> = members
            .into_iter()
            .take(200)
            .filter(|(_, kind, to)| *kind == "EXT" && self.usable(kind, *to))
            .map(|(_, _, to)| to)
            .collect();
        for at in (1..members.len()).rev() {
            if members[..at].contains(&members[at]) {
                members.remove(at);
            }
        }
        if word == "Cycle" {
            for _ in 0..self.around.turn(id) {
                if !members.is_empty() {
                    let first = members.remove(0);
                    members.push(first);
                }
            }
        }
        let status = |id: &i64| self.around.status(*id);
        let skips_busy = hunt.check_in_use;
        let some_in_use = skips_busy && members.iter().any(|id| status(id) == Status::Busy);
        let can_ring = |id: &i64| match status(id) {
            Status::Available => true,
            Status::Busy => !skips_busy,
            Status::Offline => false,
        };
        let extensions: Vec<i64> = members.into_iter().filter(can_ring).collect();
        if extensions.is_empty() {
            let reason = [Reason::Offline, Reason::Busy][usize::from(some_in_use)];
            return self.go(&["HUNTLIST-TIMEOUT"], id, reason);
        }
        let ring = Ring {
            by: Node::new(NodeKind::Hunt, id),
            extensions,
            at_once: word != "Cycle" && word != "sequence",
            seconds: match hunt.ring_time {
                None | Some(0) => 30,
                Some(seconds) => seconds.min(3_600),
            },
            repeats: word == "Ring All over Loop",
        };
        match self.step(Step::Ring(ring)) {
            None => {}
            Some(StepOutcome::Answered) => self.end(Step::Connected),
            Some(StepOutcome::NoAnswer | StepOutcome::TimedOut) => {
                self.go(&["HUNTLIST-TIMEOUT"], id, Reason::NoAnswer);
            }
            Some(StepOutcome::Busy) => self.go(&["HUNTLIST-TIMEOUT"], id, Reason::Busy),
            Some(StepOutcome::Offline) => self.go(&["HUNTLIST-TIMEOUT"], id, Reason::Offline),
            Some(_) => self.hang_up(Reason::Unexpected),
        }
    }

    fn visit_ivr(&mut self, id: i64) {
        let ivr = &self.world.ivrs[&id];
        let step = Step::PlayIvr {
            id,
            recording: ivr.recording_id,
            timeout: match ivr.timeout {
                None | Some(0) => 10,
                Some(seconds) => seconds,
            },
        };
        let own = match self.step(step) {
            None => return,
            Some(StepOutcome::TimedOut) => {
                return self.go(&["IVR_TIMEOUT"], id, Reason::NoDestination);
            }
            Some(StepOutcome::Digit('*')) => "IVR_STAR".to_owned(),
            Some(StepOutcome::Digit('#')) => "IVR_SHARP".to_owned(),
            Some(StepOutcome::Digit(digit)) => format!("IVR_{digit}"),
            Some(StepOutcome::WrongDigit) => "IVR_WRONG".to_owned(),
            Some(_) => return self.hang_up(Reason::Unexpected),
        };
        self.go(&[own.as_str(), "IVR_WRONG"], id, Reason::NoDestination);
    }

    fn visit_disa(&mut self, id: i64) {
        let number = match self.step(Step::AskPin { id }) {
            None => return,
            Some(StepOutcome::PinAccepted { number }) => number,
            Some(StepOutcome::PinRefused | StepOutcome::WrongDigit | StepOutcome::TimedOut) => {
                return self.hang_up(Reason::PinRefused);
            }
            Some(_) => return self.hang_up(Reason::Unexpected),
        };
        match self.holder(&number) {
            Some((kind, id)) => self.arrive(kind, id),
            None if !self.world.disas[&id].outbound => self.hang_up(Reason::NotPermitted),
            None if number == "x" => self.hang_up(Reason::NoSuchNumber),
            None => self.forward(&number, Node::new(NodeKind::Disa, id)),
        }
    }

    fn forward(&mut self, number: &str, by: Node) {
        let number = number.parse().unwrap();
        match self.step(Step::Forward { number, by }) {
            None => {}
            Some(StepOutcome::Answered) => self.end(Step::Connected),
            Some(StepOutcome::NoAnswer | StepOutcome::TimedOut) => self.hang_up(Reason::NoAnswer),
            Some(StepOutcome::Busy) => self.hang_up(Reason::Busy),
            Some(StepOutcome::Offline) => self.hang_up(Reason::Offline),
            Some(_) => self.hang_up(Reason::Unexpected),
        }
    }

    fn go(&mut self, words: &[&str], id: i64, reason: Reason) {
        match self.search(words, id) {
            Search::Gone => {}
            Search::OnlyTaken => self.hang_up(Reason::Circle),
            Search::Nothing => self.hang_up(reason),
        }
    }

    fn search(&mut self, words: &[&str], id: i64) -> Search {
        let listed = words.iter().flat_map(|word| self.listed(word, id));
        let usable: Vec<_> = listed
            .filter(|(_, kind, to)| self.usable(kind, *to))
            .collect();
        let is_taken = |id: i64| self.way.contains(&Mark::Took(id));
        let fresh = usable.iter().find(|(id, ..)| !is_taken(*id));
        let Some((destination, kind, to)) = fresh.cloned() else {
            return match usable.len() {
                0 => Search::Nothing,
                _ => Search::OnlyTaken,
            };
        };
        if self.hops == 32 {
            self.hang_up(Reason::TooManyHops);
            return Search::Gone;
        }
        self.hops += 1;
        self.way.push(Mark::Took(destination));
        match kind {
            "HANGUP" => self.hang_up(Reason::Configured),
            kind => self.visit(kind, to),
        }
        Search::Gone
    }

    /// The destinations of a source that can be read: id, kind and id of the target.
    fn listed(&self, word: &str, id: i64) -> Vec<(i64, &'static str, i64)> {
        let mut found = Vec::new();
        for (destination, details) in &self.world.destinations {
            let source = details.source_type.as_ref().unwrap().as_str();
            let target = details.target_type.as_ref().unwrap().as_str();
            let kinds = [
                "EXT",
                "HUNTLIST",
                "IVR",
                "CONDITION",
                "VOICEMAIL",
                "CUSTOM",
                "DISA",
                "HANGUP",
            ];
            let kind = match target {
                "extension" => Some("EXT"),
                other => kinds.into_iter().find(|kind| *kind == other),
            };
            let is_source = source.eq_ignore_ascii_case(word) && details.source_id == Some(id);
            if let (true, Some(kind)) = (is_source, kind) {
                let target = details.target_id.unwrap();
                found.push((details.order, (*destination, kind, target)));
            }
        }
        found.sort();
        found.into_iter().map(|(_, found)| found).collect()
    }

    fn usable(&self, kind: &str, id: i64) -> bool {
        let world = self.world;
        match kind {
            "HANGUP" => true,
            "EXT" => world.extensions.get(&id).is_some_and(|(_, active)| *active),
            "DID" => world.dids.get(&id).is_some_and(|(_, active)| *active),
            "HUNTLIST" => world.hunts.contains_key(&id),
            "IVR" => world.ivrs.contains_key(&id),
            "CONDITION" => world.conditions.contains_key(&id),
            "VOICEMAIL" => world.voicemails.contains_key(&id),
            "CUSTOM" => world.customs.get(&id).is_some_and(|it| it.number.is_some()),
            "DISA" => world.disas.contains_key(&id),
            other => panic!("{other}"),
        }
    }

    /// The record that has a number; one that takes calls before one that does not.
    fn holder(&self, number: &str) -> Option<(&'static str, i64)> {
        let mut all = Vec::new();
        for (id, (own, _)) in &self.world.extensions {
            if own == number {
                all.push(("EXT", *id));
            }
        }
        for (id, hunt) in &self.world.hunts {
            if hunt.number.as_ref().unwrap().as_str() == number {
                all.push(("HUNTLIST", *id));
            }
        }
        for (id, (own, _)) in &self.world.dids {
            if digits(own) == digits(number) {
                all.push(("DID", *id));
            }
        }
        let usable = all.iter().find(|(kind, id)| self.usable(kind, *id));
        usable.or(all.first()).copied()
    }

    /// True if a condition is, and is not nested too deep.
    fn truth(&self, id: i64) -> bool {
        let (mut level, mut asked) = (vec![id], 1);
        for _ in 1..8 {
            level = level.iter().flat_map(|id| self.members(*id)).collect();
            asked += level.len();
            if asked > 100 {
                return false;
            }
        }
        level.iter().all(|id| self.members(*id).is_empty()) && self.holds(id)
    }

    /// The conditions that a condition asks, if it is understood.
    fn members(&self, id: i64) -> Vec<i64> {
        let (word, params) = self.question(id);
        if !["ALL", "ANY", "NOT"].contains(&word.as_str()) {
            return Vec::new();
        }
        let ids: Vec<i64> = params.iter().map(|param| param.parse().unwrap()).collect();
        let exist = ids.iter().all(|id| self.world.conditions.contains_key(id));
        if exist { ids } else { Vec::new() }
    }

    fn holds(&self, id: i64) -> bool {
        let members = self.members(id);
        let (word, params) = self.question(id);
        match word.as_str() {
            "ALL" => !members.is_empty() && !members.iter().any(|id| !self.holds(*id)),
            "ANY" => members.iter().any(|id| self.holds(*id)),
            "NOT" => !members.is_empty() && !members.iter().any(|id| self.holds(*id)),
            "CALLERID" => {
                let caller = digits(self.around.from.as_deref().unwrap_or(""));
                let is_caller = |param: &String| match param.as_str() {
                    "1514*" => caller.starts_with("1514"),
                    "+1 514 9239933" => caller == "15149239933",
                    other => caller == other,
                };
                !params.contains(&"x".to_owned()) && params.iter().any(is_caller)
            }
            // The call comes in at noon on a Tuesday.
            "WEEKTIME" => {
                let (from, until) = (params[0].as_str(), params[1].as_str());
                let are_times = from != "25:00" && until != "25:00";
                are_times && from <= "12:00" && ("12:00" < until || until <= from)
            }
            _ => false,
        }
    }

    fn question(&self, id: i64) -> (String, Vec<String>) {
        let details = &self.world.conditions[&id];
        let word = details.condition_type.as_ref().unwrap().as_str();
        let params = details.params.iter().flatten();
        let params = params.map(|param| param.as_str().to_owned()).collect();
        (word.to_uppercase(), params)
    }

    /// Takes a step, and gives what comes of it; `None` if that is not known any more.
    fn step(&mut self, step: Step) -> Option<StepOutcome> {
        self.way.push(Mark::Step(step));
        self.outcomes.pop_front()
    }

    fn end(&mut self, step: Step) {
        self.way.push(Mark::Step(step));
    }

    fn hang_up(&mut self, reason: Reason) {
        self.end(Step::HangUp { reason });
    }
}
