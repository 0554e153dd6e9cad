//! Calls to DIDs, extensions and conditions, and through DISAs.

use super::*;
use StepOutcome::{Answered, Busy, NoAnswer, Offline, Operator, PinAccepted, PinRefused};

fn dialled_on(number: &str) -> StepOutcome {
    let number = number.to_owned();
    PinAccepted { number }
}

#[test]
fn a_did_rings_the_extension_that_it_leads_to() {
    let setup = setup().link("DID", 1, "EXT", 2);
    assert_eq!(setup.call(&[]).steps, [rings(2)]);
}

#[test]
fn a_function_from_extension_to_status_is_the_state_of_the_phones() {
    let setup = setup().link("DID", 1, "EXT", 2);
    let call = Call {
        to: Entry::Did(1),
        from: None,
        at: moment("2026-12-01T12:00:00Z"),
        phones: &|_| Status::Busy,
    };
    let step = next(&setup.table, &call, &mut Route::new(), StepOutcome::Arrived);
    assert_eq!(step, hangs_up(Reason::Busy));
}

#[test]
fn an_answered_call_is_connected_and_stays_so() {
    let setup = setup().link("DID", 1, "EXT", 2);
    let steps = setup.call(&[Answered, NoAnswer]).steps;
    assert_eq!(steps, [rings(2), Step::Connected, Step::Connected]);
}

#[test]
fn a_route_says_in_plain_words_by_which_rules_it_went() {
    let setup = setup()
        .link("DID", 1, "EXT", 2)
        .link("EXT-NOANSWER", 2, "VOICEMAIL", 5)
        .voicemail(5);
    let walk = setup.call(&[NoAnswer, Answered]);
    assert_eq!(
        walk.said(),
        [
            "its DID was dialled: the call goes to DID 15146001434",
            "DID 15146001434 was called: destination 1 leads to extension 102",
            "extension 102 rings for 30 seconds",
            "extension 102 did not answer: destination 2 leads to voicemail box 5",
            "voicemail box 5 records a message",
            "the call ends at voicemail box 5: the caller has been recorded",
        ]
    );
    let rules = [
        "DIALLED",
        "DID",
        "RING",
        "EXT-NOANSWER",
        "VOICEMAIL",
        "HANGUP",
    ];
    assert_eq!(walk.rules(), rules);
    assert_eq!(walk.route.deciding().unwrap().destination, Some(2));
}

#[test]
fn did_unconditional_goes_before_did() {
    let setup = setup()
        .link("DID", 1, "EXT", 2)
        .link("DID-UNCONDITIONAL", 1, "EXT", 3);
    assert_eq!(setup.call(&[]).steps, [rings(3)]);
}

#[test]
fn ext_unconditional_goes_before_ringing() {
    let setup = setup()
        .link("DID", 1, "EXT", 2)
        .link("EXT-UNCONDITIONAL", 2, "CUSTOM", 1)
        .custom(1, "+436601234567");
    let number = "+436601234567".parse().unwrap();
    let by = Node::new(NodeKind::Custom, 1);
    let forward = Step::Forward { number, by };
    assert_eq!(setup.call(&[Answered]).steps, [forward, Step::Connected]);
}

#[test]
fn an_unanswered_busy_or_offline_extension_leads_on_by_its_own_rule() {
    let setup = setup()
        .link("DID", 1, "EXT", 2)
        .link("EXT-NOANSWER", 2, "VOICEMAIL", 5)
        .link("EXT-BUSY", 2, "VOICEMAIL", 6)
        .link("EXT-OFFLINE", 2, "VOICEMAIL", 7);
    let setup = [5, 6, 7].into_iter().fold(setup, Setup::voicemail);
    for (outcome, id) in [(NoAnswer, 5), (Busy, 6), (Offline, 7)] {
        let steps = setup.call(&[outcome]).steps;
        assert_eq!(steps, [rings(2), Step::Voicemail { id }]);
    }
}

#[test]
fn an_extension_known_to_be_busy_or_offline_does_not_ring() {
    let mut setup = setup()
        .link("DID", 1, "EXT", 2)
        .link("EXT-BUSY", 2, "EXT", 3)
        .link("EXT-OFFLINE", 3, "EXT", 4);
    (setup.busy, setup.offline) = (vec![2], vec![3]);
    assert_eq!(setup.call(&[]).steps, [rings(4)]);
}

#[test]
fn a_call_that_nothing_follows_for_is_hung_up_with_the_reason() {
    let mut setup = setup().link("DID", 1, "EXT", 2);
    let outcomes = [
        (NoAnswer, Reason::NoAnswer),
        (Busy, Reason::Busy),
        (Offline, Reason::Offline),
        (Operator, Reason::Unexpected),
    ];
    for (outcome, reason) in outcomes {
        assert_eq!(*setup.call(&[outcome]).last(), hangs_up(reason));
    }
    setup.busy.push(2);
    assert_eq!(setup.call(&[]).steps, [hangs_up(Reason::Busy)]);
}

#[test]
fn a_did_without_destinations_hangs_up() {
    let steps = setup().call(&[]).steps;
    assert_eq!(steps, [hangs_up(Reason::NoDestination)]);
}

#[test]
fn a_destination_may_end_the_call() {
    let setup = setup().link("DID", 1, "HANGUP", 0);
    let walk = setup.call(&[]);
    assert_eq!(walk.steps, [hangs_up(Reason::Configured)]);
    assert_eq!(walk.route.taken(), [1]);
}

#[test]
fn an_inactive_extension_and_a_missing_one_are_passed_over() {
    let setup = setup()
        .inactive(2)
        .link("DID", 1, "EXT", 2)
        .link("DID", 1, "EXT", 9)
        .link("DID", 1, "CUSTOM", 1)
        .link("DID", 1, "EXT", 3)
        .custom(1, "none");
    let walk = setup.call(&[]);
    assert_eq!(walk.steps, [rings(3)]);
    assert_eq!(
        walk.said()[1..4],
        [
            "destination 1 is passed over: extension 102 is inactive",
            "destination 2 is passed over: the extension of id 9 does not exist",
            "destination 3 is passed over: custom destination 1 has no number",
        ]
    );
}

#[test]
fn destinations_are_tried_in_their_order() {
    let mut setup = setup().link("DID", 1, "EXT", 2).link("DID", 1, "EXT", 3);
    let first = DestinationDetails {
        order: 0,
        ..destination(("DID", 1), ("EXT", 4))
    };
    setup.table.set_destination(9, first);
    assert_eq!(setup.call(&[]).steps, [rings(4)]);
}

#[test]
fn a_number_within_the_tenant_is_an_extension_a_hunt_group_or_a_did() {
    let setup = setup().hunt("RINGALL", &[2, 3]).link("DID", 1, "EXT", 4);
    assert_eq!(setup.dial("102", &[]).steps, [rings(2)]);
    assert_eq!(setup.dial("+1 514-600-1434", &[]).steps, [rings(4)]);
    assert!(matches!(setup.dial("501", &[]).last(), Step::Ring(ring) if ring.extensions == [2, 3]));
    let unknown = setup.dial("999", &[]);
    assert_eq!(unknown.steps, [hangs_up(Reason::NoSuchNumber)]);
    assert_eq!(unknown.route.hops()[0].subject, None);
}

#[test]
fn an_inactive_extension_cannot_be_dialled() {
    let setup = setup().inactive(2);
    let steps = setup.dial("102", &[]).steps;
    assert_eq!(steps, [hangs_up(Reason::NoSuchNumber)]);
}

#[test]
fn extensions_that_forward_to_each_other_ring_the_first() {
    let setup =
        setup()
            .link("EXT-UNCONDITIONAL", 1, "EXT", 2)
            .link("EXT-UNCONDITIONAL", 2, "EXT", 1);
    let walk = setup.dial("101", &[NoAnswer]);
    assert_eq!(walk.steps, [rings(1), hangs_up(Reason::NoAnswer)]);
    let again = "destination 1 is passed over: this call has taken it before";
    assert!(walk.said().contains(&again));
}

#[test]
fn conditions_in_a_circle_end_the_call() {
    let setup = setup()
        .condition(1, "CALLERID", &["5146349955"])
        .condition(2, "CALLERID", &["5146349955"])
        .link("DID", 1, "CONDITION", 1)
        .link("CONDITION", 1, "CONDITION", 2)
        .link("CONDITION", 2, "CONDITION", 1);
    assert_eq!(setup.call(&[]).steps, [hangs_up(Reason::Circle)]);
}

#[test]
fn a_call_ends_after_its_most_hops() {
    let mut chain = setup().link("DID", 1, "CONDITION", 1);
    for id in 1..=40 {
        chain = chain
            .condition(id, "CALLERID", &["*"])
            .link("CONDITION", id, "CONDITION", id + 1);
    }
    let walk = chain.call(&[]);
    assert_eq!(walk.steps, [hangs_up(Reason::TooManyHops)]);
    assert_eq!(walk.route.taken().len(), MAX_HOPS - 1);
}

#[test]
fn a_true_condition_leads_on_by_condition_and_a_false_one_by_notcondition() {
    let setup = setup()
        .link("DID", 1, "CONDITION", 1)
        .link("CONDITION", 1, "EXT", 1)
        .link("NOTCONDITION", 1, "EXT", 2);
    let own = setup.clone().condition(1, "CALLERID", &["", "5146349955"]);
    assert_eq!(own.call(&[]).steps, [rings(1)]);
    let other = setup.condition(1, "CALLERID", &["5149239933"]);
    assert_eq!(other.call(&[]).steps, [rings(2)]);
}

#[test]
fn a_condition_that_is_not_understood_is_false_and_said_to_be() {
    let setup = setup()
        .link("DID", 1, "CONDITION", 1)
        .link("CONDITION", 1, "EXT", 1)
        .link("NOTCONDITION", 1, "EXT", 2)
        .condition(1, "MOON", &["full"]);
    let walk = setup.call(&[]);
    assert_eq!(walk.steps, [rings(2)]);
    assert_eq!(
        walk.said()[2],
        "condition 1 (Question) is not understood, so it is false: \
         condition_type must be CALLERID, WEEKTIME, ALL, ANY or NOT"
    );
}

#[test]
fn the_caller_of_a_voicemail_box_reaches_the_operator() {
    let setup =
        setup()
            .voicemail(5)
            .link("DID", 1, "VOICEMAIL", 5)
            .link("VOICEMAIL-OPERATOR", 5, "EXT", 4);
    let steps = setup.call(&[Operator]).steps;
    assert_eq!(steps, [Step::Voicemail { id: 5 }, rings(4)]);
}

#[test]
fn a_caller_with_the_pin_dials_on_within_the_tenant() {
    let setup = setup().disa(1, false).link("DID", 1, "DISA", 1);
    let steps = setup.call(&[dialled_on("103"), Answered]).steps;
    assert_eq!(steps, [Step::AskPin { id: 1 }, rings(3), Step::Connected]);
}

#[test]
fn a_caller_with_the_pin_dials_outside_only_where_the_disa_allows_it() {
    let disa = |outbound| setup().disa(1, outbound).link("DID", 1, "DISA", 1);
    let steps = disa(true)
        .call(&[dialled_on("+43 660 1234567"), Busy])
        .steps;
    let forward = Step::Forward {
        number: "+436601234567".parse().unwrap(),
        by: Node::new(NodeKind::Disa, 1),
    };
    assert_eq!(steps[1..], [forward, hangs_up(Reason::Busy)]);
    let refused = disa(false).call(&[dialled_on("+436601234567")]);
    assert_eq!(*refused.last(), hangs_up(Reason::NotPermitted));
    let nothing = disa(true).call(&[dialled_on("")]);
    assert_eq!(*nothing.last(), hangs_up(Reason::NoSuchNumber));
}

#[test]
fn a_caller_without_the_pin_is_hung_up_on() {
    let setup = setup().disa(1, true).link("DID", 1, "DISA", 1);
    let walk = setup.call(&[PinRefused]);
    assert_eq!(*walk.last(), hangs_up(Reason::PinRefused));
}

#[test]
fn dialling_ones_own_did_again_does_not_ask_for_the_pin_for_ever() {
    let setup = setup().disa(1, true).link("DID", 1, "DISA", 1);
    let walk = setup.call(&[dialled_on("15146001434")]);
    assert_eq!(*walk.last(), hangs_up(Reason::Circle));
}
