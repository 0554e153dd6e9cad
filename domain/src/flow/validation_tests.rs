use super::*;
use crate::{
    Id,
    flow::{
        Service,
        examples::{call, detail, menu, own, play, with_a_menu},
    },
};

fn flaw<const N: usize>(steps: [(Action, Vec<After>); N]) -> Option<Flaw> {
    call(steps).check().err()
}

fn originate() -> (Action, Vec<After>) {
    (Action::Originate, vec![])
}

#[test]
fn a_menu_that_comes_back_is_a_valid_flow() {
    assert_eq!(with_a_menu().check(), Ok(()));
}

#[test]
fn a_flow_begins_with_exactly_one_step() {
    assert_eq!(flaw([]), Some(Flaw::Empty));
    assert_eq!(flaw([originate(), originate()]), Some(Flaw::Starts(2)));
    let circle = [(play(), vec![After::success(0)])];
    assert_eq!(flaw(circle), Some(Flaw::Starts(0)));
}

#[test]
fn a_flow_is_no_longer_than_a_run() {
    let chain = |length: usize| {
        let rest = (1..length).map(|at| (play(), vec![After::success(at - 1)]));
        let steps = std::iter::once(originate()).chain(rest);
        let steps = steps.map(|(action, after)| Step { action, after });
        let service = Service::Voice;
        let steps = steps.collect();
        Flow { service, steps }.check()
    };
    assert_eq!(chain(Flow::MOST_STEPS), Ok(()));
    assert_eq!(chain(Flow::MOST_STEPS + 1), Err(Flaw::TooLong));
    let many = vec![After::success(0); Flow::MOST_CONDITIONS + 1];
    assert_eq!(flaw([originate(), (play(), many)]), Some(Flaw::TooLong));
}

#[test]
fn a_condition_that_no_result_meets_is_refused() {
    for condition in [
        After::success(7),
        own(0, "maybe"),
        detail(0, "key", "1"),
        detail(0, "originate", "success"),
        detail(1, "key", "12"),
        detail(1, "key", "a"),
        detail(1, "digits", "1"),
        After::success(2),
    ] {
        let steps = [
            originate(),
            (menu(), vec![After::success(0)]),
            (Action::Disconnect, vec![own(1, "timeout")]),
            (play(), vec![condition.clone()]),
        ];
        assert_eq!(flaw(steps), Some(Flaw::Impossible(3)), "{condition:?}");
    }
}

#[test]
fn only_one_step_follows_on_a_result() {
    let with = |one: After, other: After| {
        let menu = (menu(), vec![After::success(0)]);
        flaw([
            originate(),
            menu,
            (play(), vec![one]),
            (play(), vec![other]),
        ])
    };
    let key = |is: &str| detail(1, "key", is);
    assert_eq!(with(key("1"), key("2")), None);
    assert_eq!(with(key("1"), own(1, "timeout")), None);
    assert_eq!(with(key("1"), key("1")), Some(Flaw::Ambiguous(1)));
    assert_eq!(with(key("1"), After::success(1)), Some(Flaw::Ambiguous(1)));
    let both = vec![detail(1, "key", "1"), After::success(1)];
    let menu = (menu(), vec![After::success(0)]);
    assert_eq!(flaw([originate(), menu, (play(), both)]), None);
}

#[test]
fn a_step_that_nothing_leads_to_is_refused() {
    let apart = [
        originate(),
        (menu(), vec![detail(2, "key", "1")]),
        (menu(), vec![detail(1, "key", "1")]),
    ];
    assert_eq!(flaw(apart), Some(Flaw::Unreachable(1)));
}

#[test]
fn a_circle_must_ask_the_other_side() {
    let back = |action: Action| {
        let first = (play(), vec![After::success(0), own(2, "failed")]);
        flaw([originate(), first, (action, vec![After::success(1)])])
    };
    assert_eq!(back(play()), Some(Flaw::Circular(1)));
    assert_eq!(back(menu()), None);
    assert_eq!(back(Action::Input), None);
    let redial = [
        originate(),
        (Action::Originate, vec![own(0, "busy"), own(1, "busy")]),
    ];
    assert_eq!(flaw(redial), Some(Flaw::Circular(1)));
}

#[test]
fn a_flaw_says_which_step_it_is_about() {
    let said = Flaw::Unreachable(3).to_string();
    assert_eq!(said, "step 3 cannot be reached");
    let template = Id::new(1);
    assert_eq!(Flow::send_email(template, 1).check(), Ok(()));
}
