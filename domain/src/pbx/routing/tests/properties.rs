//! Properties of routing, on random configurations and random outcomes.
//!
//! `PROPTEST_CASES=1000000 cargo test -p ledgerline-domain pbx` tries a million of each.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*, sample::Index};

use super::{
    model::{Mark, way},
    world::{Change, Surroundings, World, far_world, outcome, surroundings, world},
    *,
};

/// An answer to a step: mostly one that it can have.
#[derive(Clone, Debug)]
struct Reply {
    any: StepOutcome,
    is_any: bool,
    fitting: Index,
}

fn reply() -> impl Strategy<Value = Reply> {
    let parts = (outcome(), prop::bool::weighted(0.05), any::<Index>());
    parts.prop_map(|(any, is_any, fitting)| Reply {
        any,
        is_any,
        fitting,
    })
}

impl Reply {
    fn to(&self, step: &Step) -> StepOutcome {
        use StepOutcome::{Answered, Busy, Digit, NoAnswer, Offline, Operator, PinAccepted};
        use StepOutcome::{PinRefused, TimedOut, WrongDigit};
        let dialled = |number: &str| PinAccepted {
            number: number.to_owned(),
        };
        let fitting = match step {
            Step::Ring(_) => vec![
                NoAnswer, NoAnswer, NoAnswer, TimedOut, Busy, Offline, Answered,
            ],
            Step::PlayIvr { .. } => vec![
                Digit('0'),
                Digit('7'),
                Digit('*'),
                Digit('#'),
                Digit('5'),
                TimedOut,
                WrongDigit,
            ],
            Step::Voicemail { .. } => vec![Operator, Operator, Operator, Answered],
            Step::Forward { .. } => vec![NoAnswer, Busy, Offline, Answered],
            Step::AskPin { .. } => vec![
                dialled("100"),
                dialled("101"),
                dialled("15146001434"),
                dialled("+436601234567"),
                PinRefused,
            ],
            Step::Connected | Step::HangUp { .. } => vec![Answered],
        };
        if self.is_any {
            return self.any.clone();
        }
        fitting[self.fitting.index(fitting.len())].clone()
    }
}

/// A call that was followed to its end.
struct Followed {
    way: Vec<Mark>,
    outcomes: Vec<StepOutcome>,
    route: Route,
}

/// Follows a call for as many steps as a call can have.
fn follow(table: &Table, around: &Surroundings, replies: &[Reply]) -> Followed {
    let call = around.call();
    let (mut route, mut way, mut outcomes) = (Route::new(), Vec::new(), Vec::new());
    let mut replies = replies.iter().cycle();
    let mut outcome = StepOutcome::Arrived;
    for _ in 0..=MAX_HOPS {
        let before = route.taken().len();
        let step = next(table, &call, &mut route, outcome);
        way.extend(route.taken()[before..].iter().map(|id| Mark::Took(*id)));
        way.push(Mark::Step(step.clone()));
        if route.end().is_some() {
            break;
        }
        let Some(reply) = replies.next() else {
            break;
        };
        outcome = reply.to(&step);
        outcomes.push(outcome.clone());
    }
    Followed {
        way,
        outcomes,
        route,
    }
}

fn any_world() -> impl Strategy<Value = World> {
    prop_oneof![world(), far_world()]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_call_ends_explained_without_a_destination_twice(
        world in any_world(),
        around in surroundings(),
        replies in vec(reply(), 1..12),
    ) {
        let followed = follow(&world.table(), &around, &replies);
        let route = followed.route;
        prop_assert!(route.end().is_some(), "the call goes on");
        let taken: BTreeSet<_> = route.taken().iter().collect();
        prop_assert_eq!(taken.len(), route.taken().len());
        prop_assert!(route.taken().len() <= MAX_HOPS);
        let is_move = |hop: &&Hop| matches!(hop.rule, Rule::Dialled | Rule::Source(_));
        let moves = route.hops().iter().filter(is_move);
        prop_assert!(moves.count() <= MAX_HOPS);
        prop_assert!(route.hops().len() <= 5 * MAX_HOPS);
        let sources = route.hops().iter().filter(|hop| matches!(hop.rule, Rule::Source(_)));
        let explained: Vec<i64> = sources.filter_map(|hop| hop.destination).collect();
        prop_assert_eq!(explained, route.taken());
    }

    #[test]
    fn calls_go_the_way_that_a_second_reading_of_the_rules_says(
        world in any_world(),
        around in surroundings(),
        replies in vec(reply(), 1..12),
    ) {
        let Followed { way: found, outcomes, .. } = follow(&world.table(), &around, &replies);
        prop_assert_eq!(found, way(&world, &around, &outcomes));
    }

    #[test]
    fn a_table_kept_record_by_record_is_the_one_built_at_once(
        before in world(),
        after in world(),
        order in vec(any::<Index>(), 1..60),
    ) {
        let mut table = before.table();
        let mut changes = after.changes();
        for (at, index) in order.iter().enumerate() {
            let count = changes.len();
            if count > 0 {
                changes.swap(at % count, index.index(count));
            }
        }
        let stays = |change: &Change| changes.iter().any(|other| change.same_record(other));
        let gone: Vec<Change> = before.changes().into_iter().filter(|it| !stays(it)).collect();
        changes.iter().for_each(|change| change.clone().set(&mut table));
        gone.iter().for_each(|change| change.remove(&mut table));
        prop_assert_eq!(table, after.table());
    }

    #[test]
    fn a_call_that_ends_in_a_circle_without_anybody_is_found_by_the_check(
        world in any_world(),
        mut around in surroundings(),
    ) {
        around.statuses = vec![Status::Available];
        let table = world.table();
        let followed = follow(&table, &around, &[]);
        if *followed.way.last().unwrap() == Mark::Step(hangs_up(Reason::Circle)) {
            let problems = check(&table);
            prop_assert!(problems.iter().any(|it| it.kind == ProblemKind::Circle));
        }
    }
}

#[test]
fn the_random_calls_go_far_and_in_circles() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let calls = (any_world(), surroundings(), vec(reply(), 1..12));
    let (mut far, mut ends) = (0, BTreeMap::<String, usize>::new());
    for _ in 0..1_000 {
        let (world, around, replies) = calls.new_tree(&mut runner).unwrap().current();
        let followed = follow(&world.table(), &around, &replies);
        far += usize::from(followed.route.taken().len() >= 8);
        let end = match followed.way.last() {
            Some(Mark::Step(Step::HangUp { reason })) => reason.as_str(),
            _ => "connected",
        };
        *ends.entry(end.to_owned()).or_default() += 1;
    }
    assert!(far >= 150, "{far} far");
    for end in [
        "connected",
        "no_answer",
        "circle",
        "no_destination",
        "too_many_hops",
    ] {
        assert!(ends.get(end) >= Some(&5), "{end}: {ends:?}");
    }
}
