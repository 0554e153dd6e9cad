//! Hunt groups.

use super::*;
use StepOutcome::{Answered, NoAnswer};

fn ring(walk: &Walk) -> &Ring {
    match &walk.steps[0] {
        Step::Ring(ring) => ring,
        other => panic!("{other:?}"),
    }
}

fn rounds(setup: &Setup) -> Vec<Vec<i64>> {
    let walk = setup.dial("501", &[]);
    ring(&walk).rounds().map(<[i64]>::to_vec).collect()
}

#[test]
fn ring_all_rings_every_member_in_one_round() {
    let setup = setup().hunt("RINGALL", &[1, 2, 3]);
    assert_eq!(rounds(&setup), [[1, 2, 3]]);
    let walk = setup.dial("501", &[Answered]);
    assert_eq!((ring(&walk).seconds, ring(&walk).repeats), (20, false));
    assert_eq!(*walk.last(), Step::Connected);
}

#[test]
fn an_unknown_type_rings_all() {
    assert_eq!(rounds(&setup().hunt("AA", &[1, 2])), [[1, 2]]);
}

#[test]
fn sequence_rings_one_after_the_other() {
    let mut setup = setup().hunt("Sequence", &[1, 2, 3]);
    setup.turn = 2;
    assert_eq!(rounds(&setup), [[1], [2], [3]]);
}

#[test]
fn cycle_begins_behind_the_member_that_rang_first_last_time() {
    let mut setup = setup().hunt("Cycle", &[1, 2, 3]);
    let mut firsts = Vec::new();
    for turn in 0..4 {
        setup.turn = turn;
        firsts.push(rounds(&setup)[0][0]);
    }
    assert_eq!(firsts, [1, 2, 3, 1]);
    setup.turn = 1;
    assert_eq!(rounds(&setup), [[2], [3], [1]]);
}

#[test]
fn ring_all_over_loop_repeats() {
    let walk = setup().hunt("Ring All over Loop", &[1, 2]).dial("501", &[]);
    assert!(ring(&walk).repeats && ring(&walk).at_once);
}

#[test]
fn members_in_use_are_skipped_where_the_group_says_so() {
    let mut setup = setup().hunt("RINGALL", &[1, 2, 3]);
    setup.busy = vec![2];
    assert_eq!(rounds(&setup), [[1, 2, 3]]);
    let setup = setup.skipping_members_in_use();
    assert_eq!(rounds(&setup), [[1, 3]]);
    let said = "2 of 3 members of hunt group 501 can ring, 1 in use";
    assert!(setup.dial("501", &[]).said().contains(&said));
}

#[test]
fn offline_inactive_and_missing_members_do_not_ring() {
    let mut setup = setup().hunt("RINGALL", &[1, 2, 9, 3]).inactive(1);
    setup.offline = vec![2];
    assert_eq!(rounds(&setup), [[3]]);
}

#[test]
fn a_member_named_twice_rings_once() {
    assert_eq!(rounds(&setup().hunt("RINGALL", &[2, 1, 2])), [[2, 1]]);
}

#[test]
fn an_unanswered_group_leads_on_by_huntlist_timeout() {
    let setup = setup()
        .hunt("RINGALL", &[1, 2])
        .link("HUNTLIST-TIMEOUT", 1, "EXT", 4);
    let walk = setup.dial("501", &[NoAnswer, NoAnswer]);
    assert_eq!(walk.steps[1..], [rings(4), hangs_up(Reason::NoAnswer)]);
}

#[test]
fn a_group_in_which_nobody_can_ring_leads_on_at_once() {
    let mut setup = setup()
        .hunt("RINGALL", &[1, 2])
        .link("HUNTLIST-TIMEOUT", 1, "EXT", 4);
    setup.offline = vec![1, 2];
    assert_eq!(setup.dial("501", &[]).steps, [rings(4)]);
    setup.table.remove_destination(3);
    let offline = setup.dial("501", &[]);
    assert_eq!(offline.steps, [hangs_up(Reason::Offline)]);
    let mut setup = setup.skipping_members_in_use();
    (setup.busy, setup.offline) = (vec![1], vec![2]);
    assert_eq!(setup.dial("501", &[]).steps, [hangs_up(Reason::Busy)]);
}

#[test]
fn no_more_members_ring_than_may() {
    let mut setup = setup();
    let count = MAX_DESTINATIONS as i64 + 50;
    for id in 1..=count {
        setup.table.set_extension(extension(id, &format!("{id}")));
    }
    let members: Vec<i64> = (1..=count).rev().collect();
    let setup = setup.hunt("RINGALL", &members);
    assert_eq!(rounds(&setup), [&members[..MAX_DESTINATIONS]]);
}

#[test]
fn a_ring_time_of_zero_is_none_and_a_very_long_one_is_cut() {
    let mut setup = setup().hunt("RINGALL", &[1]);
    for (configured, seconds) in [(Some(0), 30), (None, 30), (Some(u32::MAX), 3_600)] {
        let details = setup.table.hunts[&1].clone();
        let ring_time = configured;
        let details = HuntDetails {
            ring_time,
            ..details
        };
        setup.table.set_hunt(1, details);
        assert_eq!(ring(&setup.dial("501", &[])).seconds, seconds);
    }
}
