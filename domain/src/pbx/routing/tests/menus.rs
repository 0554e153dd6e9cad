//! IVRs.

use super::*;
use StepOutcome::{Answered, Digit, TimedOut, WrongDigit};

fn plays(id: i64) -> Step {
    Step::PlayIvr {
        id,
        recording: Some(crate::Id::new(7)),
        timeout: 5,
    }
}

#[test]
fn a_key_leads_on_by_its_own_destination() {
    let setup = setup()
        .ivr(1)
        .link("DID", 1, "IVR", 1)
        .link("IVR_1", 1, "EXT", 1)
        .link("IVR_STAR", 1, "EXT", 2)
        .link("IVR_SHARP", 1, "EXT", 3)
        .link("IVR_TIMEOUT", 1, "EXT", 4);
    assert_eq!(setup.call(&[]).steps, [plays(1)]);
    for (outcome, id) in [
        (Digit('1'), 1),
        (Digit('*'), 2),
        (Digit('#'), 3),
        (TimedOut, 4),
    ] {
        assert_eq!(*setup.call(&[outcome]).last(), rings(id));
    }
}

#[test]
fn a_key_without_a_destination_is_wrong() {
    let setup = setup()
        .ivr(1)
        .link("DID", 1, "IVR", 1)
        .link("IVR_2", 1, "EXT", 9)
        .link("IVR_WRONG", 1, "EXT", 4);
    for outcome in [Digit('1'), Digit('2'), Digit('x'), WrongDigit] {
        assert_eq!(*setup.call(&[outcome]).last(), rings(4));
    }
}

#[test]
fn a_menu_that_repeats_itself_is_played_once_more() {
    let setup = setup()
        .ivr(1)
        .link("DID", 1, "IVR", 1)
        .link("IVR_WRONG", 1, "IVR", 1);
    let walk = setup.call(&[Digit('7'), Digit('7')]);
    assert_eq!(walk.steps, [plays(1), plays(1), hangs_up(Reason::Circle)]);
}

#[test]
fn a_menu_without_a_time_out_hangs_up() {
    let setup = setup().ivr(1).link("DID", 1, "IVR", 1);
    let walk = setup.call(&[TimedOut]);
    assert_eq!(*walk.last(), hangs_up(Reason::NoDestination));
    let unexpected = setup.call(&[Answered]);
    assert_eq!(*unexpected.last(), hangs_up(Reason::Unexpected));
}
