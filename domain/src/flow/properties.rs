//! Properties of runs, on random flows and random results.

use std::collections::BTreeSet;

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use super::{
    examples::{detail, menu, own, play},
    *,
};

/// The results and the values of details that flows here have conditions on.
const RESULTS: [&str; 6] = [
    "success", "busy", "noanswer", "failed", "unknown", "timeout",
];
const DETAILS: [(&str, &str); 7] = [
    ("key", "0"),
    ("key", "1"),
    ("key", "#"),
    ("key", "4711"),
    ("amd", "human"),
    ("amd", "machine"),
    ("pages", "3"),
];

fn action() -> impl Strategy<Value = Action> {
    let fax = Action::FaxSend {
        document_id: Id::new(1),
        version: 1,
    };
    select(vec![
        Action::Originate,
        Action::Amd,
        Action::Input,
        menu(),
        menu(),
        play(),
        Action::Wait { seconds: 1 },
        fax,
        Action::Disconnect,
    ])
}

fn condition(steps: usize) -> impl Strategy<Value = After> {
    let result = (0..steps, select(&RESULTS[..])).prop_map(|(step, is)| own(step, is));
    let value = (0..steps, select(&DETAILS[..]));
    let value = value.prop_map(|(step, (name, is))| detail(step, name, is));
    prop_oneof![result, value]
}

/// Any flow at all: conditions on steps that are not there, circles, no or many first steps.
fn any_flow() -> impl Strategy<Value = Flow> {
    let step = (action(), vec(condition(10), 0..4));
    vec(step, 0..9).prop_map(|steps| Flow {
        service: Service::Voice,
        steps: steps
            .into_iter()
            .map(|(action, after)| Step { action, after })
            .collect(),
    })
}

/// The conditions on a step that its action can meet.
fn open_conditions(flow: &Flow, at: usize) -> Vec<After> {
    let plain = RESULTS.into_iter().map(|is| own(at, is));
    let detailed = DETAILS.into_iter();
    let all = plain.chain(detailed.map(|(name, is)| detail(at, name, is)));
    let possible = flow.steps[at].action.possible();
    all.filter(|after| possible.iter().any(|one| one.can_meet(after)))
        .collect()
}

/// The flow with one more condition, of an existing step or of a new one with this action.
fn grown(flow: &Flow, action: Action, [from, condition, to]: [Index; 3]) -> Flow {
    let mut grown = flow.clone();
    let conditions = open_conditions(flow, from.index(flow.steps.len()));
    let after = conditions[condition.index(conditions.len())].clone();
    match grown.steps.get_mut(to.index(flow.steps.len() + 4)) {
        Some(step) => step.after.push(after),
        None => grown.steps.push(Step {
            action,
            after: vec![after],
        }),
    }
    grown
}

/// A flow that keeps the rules: it grows as long as it does.
fn valid_flow() -> impl Strategy<Value = Flow> {
    let more = (action(), any::<[Index; 3]>());
    (action(), vec(more, 0..60)).prop_map(|(action, more)| {
        let first = Step {
            action,
            after: vec![],
        };
        let start = Flow {
            service: Service::Voice,
            steps: vec![first],
        };
        more.into_iter().fold(start, |flow, (action, indices)| {
            let grown = grown(&flow, action, indices);
            if grown.check().is_ok() { grown } else { flow }
        })
    })
}

/// Every result that a condition here can tell from others.
fn results() -> impl Iterator<Item = StepResult> {
    let plain = RESULTS.into_iter().map(StepResult::new);
    let detailed = DETAILS.into_iter();
    plain.chain(detailed.map(|(name, data)| StepResult::success().with(name, data)))
}

/// True if the application of the action can have this result.
fn can_have(action: &Action, result: &StepResult) -> bool {
    let names = |one: &&Possible| result.details.len() == one.details.len();
    let mut possible = action.possible().iter();
    let matching = |one: &Possible| {
        let mut details = result.details.iter();
        one.result == result.result
            && details.all(|row| {
                let values = one.values(&row.name);
                values.is_some_and(|values| values.admit(&row.data))
            })
    };
    possible.any(|one| names(&one) && matching(one))
}

/// The steps that some results lead to, found by trying all of them on the interpreter. Enough for
/// flows in which one step follows another: where a run goes on depends on its step alone.
fn reached(flow: &Flow) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut runs = vec![Run::new(flow)];
    while let Some(run) = runs.pop() {
        let Next::Step { at, action } = run.next() else {
            continue;
        };
        if !reached.insert(at) {
            continue;
        }
        for result in results().filter(|result| can_have(action, result)) {
            let mut further = run.clone();
            further.advance(result);
            runs.push(further);
        }
    }
    reached
}

/// Anything that can happen to a step.
fn happening() -> impl Strategy<Value = Option<StepResult>> {
    let result = prop_oneof![
        4 => select(results().collect::<Vec<_>>()),
        1 => ".{0,8}".prop_map(StepResult::new),
    ];
    prop_oneof![60 => result.prop_map(Some), 1 => Just(None)]
}

proptest! {
    #[test]
    fn a_run_of_any_flow_ends_within_its_bound(
        flow in any_flow(),
        happenings in vec(happening(), 1..40),
    ) {
        let mut run = Run::new(&flow);
        let mut happenings = happenings.into_iter().cycle();
        for _ in 0..Run::MOST_STEPS {
            match happenings.next().unwrap() {
                Some(result) => drop(run.advance(result)),
                None => run.interrupt(Interruption::Cancelled, vec![]),
            }
        }
        let Next::End(ending) = run.next() else {
            return Err(TestCaseError::fail("the run goes on"));
        };
        prop_assert!(run.path().len() <= Run::MOST_STEPS);
        let rows = run.results();
        let own = rows.iter().filter(|row| row.kind == ResultKind::Application);
        prop_assert_eq!(own.count(), run.path().len());
        let says_so = rows.last().is_some_and(|row| row.name == "flow");
        prop_assert_eq!(ending == Ending::Stopped, says_so);
    }

    #[test]
    fn every_step_of_a_valid_flow_can_be_reached(flow in valid_flow()) {
        prop_assert_eq!(flow.check(), Ok(()));
        let all: BTreeSet<usize> = (0..flow.steps.len()).collect();
        prop_assert_eq!(reached(&flow), all);
    }

    #[test]
    fn a_step_said_to_be_out_of_reach_is(flow in any_flow()) {
        if let Err(Flaw::Unreachable(step)) = flow.check() {
            prop_assert!(!reached(&flow).contains(&step));
        }
    }

    #[test]
    fn a_valid_flow_stops_only_where_keys_are_pressed(
        flow in valid_flow(),
        pressed in vec(select(results().collect::<Vec<_>>()), 1..9),
    ) {
        let mut pressed = pressed.into_iter().cycle();
        let played = flow.play(|_, _| StepAnswer::Result(pressed.next().unwrap()));
        if played.ending == Ending::Stopped {
            let asked = played.path.iter().filter(|it| flow.steps[it.step].action.asks());
            prop_assert!(asked.count() >= Run::MOST_STEPS / Flow::MOST_STEPS);
        }
    }

    #[test]
    fn at_most_one_step_of_a_valid_flow_follows_on_a_result(
        flow in valid_flow(),
        happenings in vec(select(results().collect::<Vec<_>>()), 1..40),
    ) {
        let mut run = Run::new(&flow);
        for result in happenings {
            let Next::Step { at, action } = run.next() else { break };
            if !can_have(action, &result) {
                continue;
            }
            let from = run.results().len();
            run.advance(result);
            prop_assert!(flow.following(at, &run.results()[from..]).count() <= 1);
        }
    }
}

#[test]
fn the_random_flows_have_menus_and_circles() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let flows: Vec<Flow> = (0..200)
        .map(|_| valid_flow().new_tree(&mut runner).unwrap().current())
        .collect();
    let long = flows.iter().filter(|flow| flow.steps.len() >= 5).count();
    let circles = flows.iter().filter(|flow| {
        let mut ways = flow.steps.iter().enumerate();
        ways.any(|(at, step)| step.after.iter().any(|after| after.step >= at))
    });
    assert!(long > 50, "{long} of five steps");
    assert!(circles.count() > 10, "circles");
}
