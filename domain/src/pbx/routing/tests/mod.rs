//! Tests of routing: a configuration in a few lines, a call, and the steps that it takes.

mod calls;
mod checks;
mod groups;
mod kept;
mod menus;
mod model;
mod properties;
mod world;

use chrono::{DateTime, Utc};
use proptest::prelude::ProptestConfig;

use super::*;
use crate::{
    pbx::{
        ConditionDetails, CustomDetails, DestinationDetails, DisaDetails, HuntDetails, IvrDetails,
        VoicemailDetails,
    },
    values::Line,
};

/// The number of cases of a property, unless `PROPTEST_CASES` says another.
const CASES: u32 = 2_000;

pub(super) fn config() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(CASES),
    }
}

pub(super) fn line(text: &str) -> Option<Line> {
    text.parse().ok()
}

pub(super) fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub(super) fn condition(word: &str, params: &[&str]) -> ConditionDetails {
    let mut details = ConditionDetails {
        name: line("Question"),
        condition_type: line(word),
        ..ConditionDetails::default()
    };
    for (param, text) in details.params.iter_mut().zip(params) {
        *param = line(text);
    }
    details
}

/// A configuration and the state of its phones.
#[derive(Clone, Default)]
struct Setup {
    table: Table,
    destinations: i64,
    busy: Vec<i64>,
    offline: Vec<i64>,
    turn: usize,
}

impl Phones for Setup {
    fn status(&self, extension: i64) -> Status {
        if self.busy.contains(&extension) {
            Status::Busy
        } else if self.offline.contains(&extension) {
            Status::Offline
        } else {
            Status::Available
        }
    }

    fn turn(&self, _hunt: i64) -> usize {
        self.turn
    }
}

/// Extensions 1 to 4 with the numbers 101 to 104, and DID 1.
fn setup() -> Setup {
    let mut setup = Setup::default();
    for id in 1..=4 {
        setup.table.set_extension(extension(id, &format!("10{id}")));
    }
    setup.table.set_did(DidEntry {
        id: 1,
        number: "15146001434".to_owned(),
        connected: true,
        active: true,
    });
    setup
}

fn extension(id: i64, number: &str) -> ExtensionEntry {
    ExtensionEntry {
        id,
        number: number.to_owned(),
        name: "Chris".to_owned(),
        ring_time: None,
        active: true,
    }
}

fn destination(source: (&str, i64), target: (&str, i64)) -> DestinationDetails {
    DestinationDetails {
        source_type: line(source.0),
        source_id: Some(source.1),
        target_type: line(target.0),
        target_id: Some(target.1),
        order: 1,
    }
}

impl Setup {
    /// Adds a destination; they have the ids 1, 2, 3 …
    fn link(mut self, source: &str, from: i64, target: &str, to: i64) -> Self {
        self.destinations += 1;
        let details = destination((source, from), (target, to));
        self.table.set_destination(self.destinations, details);
        self
    }

    fn inactive(mut self, id: i64) -> Self {
        let active = false;
        let entry = extension(id, &format!("10{id}"));
        self.table.set_extension(ExtensionEntry { active, ..entry });
        self
    }

    /// Adds hunt group 1, with the number 501 and extensions as members.
    fn hunt(mut self, hunt_type: &str, members: &[i64]) -> Self {
        let details = HuntDetails {
            number: line("501"),
            name: line("Sales"),
            hunt_type: line(hunt_type),
            ring_time: Some(20),
            check_in_use: false,
        };
        self.table.set_hunt(1, details);
        let link = |setup: Self, id: &i64| setup.link("HUNTLIST", 1, "EXT", *id);
        members.iter().fold(self, link)
    }

    fn skipping_members_in_use(mut self) -> Self {
        let details = self.table.hunts[&1].clone();
        let check_in_use = true;
        self.table.set_hunt(
            1,
            HuntDetails {
                check_in_use,
                ..details
            },
        );
        self
    }

    fn ivr(mut self, id: i64) -> Self {
        let details = IvrDetails {
            name: line("Main menu"),
            recording_id: Some(crate::Id::new(7)),
            timeout: Some(5),
        };
        self.table.set_ivr(id, details);
        self
    }

    fn voicemail(mut self, id: i64) -> Self {
        self.table.set_voicemail(id, &VoicemailDetails::default());
        self
    }

    fn custom(mut self, id: i64, number: &str) -> Self {
        let details = CustomDetails {
            number: number.parse().ok(),
            ..CustomDetails::default()
        };
        self.table.set_custom(id, details);
        self
    }

    fn disa(mut self, id: i64, outbound: bool) -> Self {
        let details = DisaDetails {
            outbound,
            ..DisaDetails::default()
        };
        self.table.set_disa(id, &details);
        self
    }

    fn condition(mut self, id: i64, word: &str, params: &[&str]) -> Self {
        self.table.set_condition(id, &condition(word, params));
        self
    }

    /// The call from 5146349955 to DID 1, with these outcomes of its steps.
    fn call(&self, outcomes: &[StepOutcome]) -> Walk {
        self.call_to(Entry::Did(1), outcomes)
    }

    fn dial(&self, number: &str, outcomes: &[StepOutcome]) -> Walk {
        self.call_to(Entry::Number(number.to_owned()), outcomes)
    }

    fn call_to(&self, to: Entry, outcomes: &[StepOutcome]) -> Walk {
        let call = Call {
            to,
            from: Some("5146349955".to_owned()),
            at: moment("2026-12-01T12:00:00Z"),
            phones: self,
        };
        let mut route = Route::new();
        let arrived = std::iter::once(&StepOutcome::Arrived);
        let steps = arrived
            .chain(outcomes)
            .map(|outcome| next(&self.table, &call, &mut route, outcome.clone()))
            .collect();
        Walk { steps, route }
    }
}

/// The steps of a call and its route.
struct Walk {
    steps: Vec<Step>,
    route: Route,
}

impl Walk {
    fn last(&self) -> &Step {
        self.steps.last().unwrap()
    }

    fn said(&self) -> Vec<&str> {
        self.route.hops().iter().map(|hop| &*hop.said).collect()
    }

    fn rules(&self) -> Vec<&str> {
        let hops = self.route.hops().iter();
        hops.map(|hop| hop.rule.as_str()).collect()
    }
}

fn rings(id: i64) -> Step {
    Step::Ring(Ring {
        by: Node::new(NodeKind::Extension, id),
        extensions: vec![id],
        at_once: true,
        seconds: RING_SECONDS,
        repeats: false,
    })
}

fn hangs_up(reason: Reason) -> Step {
    Step::HangUp { reason }
}
