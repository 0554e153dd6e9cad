//! The check of a configuration.

use super::*;

/// The problems that are not those of the DID of [`setup`], which leads nowhere.
fn problems(setup: &Setup) -> Vec<(&'static str, &'static str, i64)> {
    let found = check(&setup.table);
    let other = found
        .iter()
        .filter(|it| it.kind != ProblemKind::DidWithoutDestination);
    other
        .map(|it| (it.kind.as_str(), it.subject.kind.as_str(), it.subject.id))
        .collect()
}

fn said(setup: &Setup, kind: ProblemKind) -> Vec<String> {
    let found = check(&setup.table).into_iter();
    let of_kind = found.filter(|it| it.kind == kind);
    of_kind.map(|it| it.said).collect()
}

#[test]
fn a_good_configuration_has_no_problems() {
    let setup = setup()
        .hunt("Ring All", &[1, 2])
        .ivr(1)
        .link("DID", 1, "IVR", 1)
        .link("IVR_TIMEOUT", 1, "HUNTLIST", 1)
        .link("HUNTLIST-TIMEOUT", 1, "HANGUP", 0);
    assert_eq!(check(&setup.table), []);
}

#[test]
fn a_did_that_leads_nowhere_is_reported_unless_it_is_inactive() {
    let mut setup = setup().link("DID", 1, "EXT", 9);
    assert_eq!(
        said(&setup, ProblemKind::DidWithoutDestination),
        ["DID 15146001434 leads nowhere: calls are hung up"]
    );
    setup.table.set_did(DidEntry {
        id: 1,
        number: "15146001434".to_owned(),
        connected: true,
        active: false,
    });
    assert_eq!(said(&setup, ProblemKind::DidWithoutDestination).len(), 0);
}

#[test]
fn a_did_at_which_no_call_comes_in_is_reported() {
    let mut setup = setup().link("DID", 1, "EXT", 1);
    setup.table.set_did(DidEntry {
        id: 1,
        number: "15146001434".to_owned(),
        connected: false,
        active: true,
    });
    let expected = "DID 15146001434 gets no calls: its number is not assigned to the tenant";
    assert_eq!(said(&setup, ProblemKind::DidNotConnected), [expected]);
}

#[test]
fn dangling_ends_of_destinations_are_reported() {
    let setup = setup()
        .link("EXT-BUSY", 1, "EXT", 9)
        .link("EXT-BUSY", 9, "EXT", 1)
        .link("EXT-BUSY", 2, "CUSTOM", 1)
        .custom(1, "none");
    assert_eq!(
        problems(&setup),
        [
            ("dangling_target", "destination", 1),
            ("dangling_source", "destination", 2),
            ("dangling_target", "destination", 3),
        ]
    );
    assert_eq!(
        said(&setup, ProblemKind::DanglingTarget)[0],
        "destination 1 leads to the extension of id 9, which does not exist"
    );
}

#[test]
fn unknown_words_and_missing_ids_are_reported() {
    let mut setup = setup()
        .link("PARKING", 1, "EXT", 1)
        .link("DID", 1, "QUEUE", 1);
    let source_id = None;
    let details = destination(("DID", 1), ("EXT", 1));
    setup.table.set_destination(
        3,
        DestinationDetails {
            source_id,
            ..details
        },
    );
    assert_eq!(
        said(&setup, ProblemKind::UnknownWord),
        [
            "destination 1 has the source type PARKING, which is not known",
            "destination 2 has the target type QUEUE, which is not known",
            "destination 3 has the source type DID without an id",
        ]
    );
}

#[test]
fn a_circle_of_extensions_is_reported_once() {
    let setup = setup()
        .link("EXT-UNCONDITIONAL", 2, "EXT", 3)
        .link("EXT-UNCONDITIONAL", 3, "EXT", 2)
        .link("EXT-UNCONDITIONAL", 4, "EXT", 3);
    assert_eq!(problems(&setup), [("circle", "extension", 2)]);
    assert_eq!(
        said(&setup, ProblemKind::Circle),
        ["calls can go in a circle: extension 102 → extension 103 → extension 102"]
    );
}

#[test]
fn a_circle_is_found_behind_either_answer_of_a_condition() {
    let setup = setup()
        .condition(1, "CALLERID", &["1"])
        .condition(2, "CALLERID", &["1"])
        .hunt("RINGALL", &[])
        .link("CONDITION", 1, "CONDITION", 2)
        .link("NOTCONDITION", 1, "CONDITION", 1)
        .link("NOTCONDITION", 2, "HUNTLIST", 1)
        .link("HUNTLIST-TIMEOUT", 1, "CONDITION", 2);
    let expected = [
        ("hunt_without_members", "hunt", 1),
        ("circle", "hunt", 1),
        ("circle", "condition", 1),
    ];
    let mut found = problems(&setup);
    found.sort_by_key(|it| expected.iter().position(|other| other == it));
    assert_eq!(found, expected);
}

#[test]
fn what_waits_for_somebody_is_no_circle() {
    let setup = setup()
        .ivr(1)
        .link("IVR_TIMEOUT", 1, "IVR", 1)
        .link("EXT-NOANSWER", 1, "EXT", 1);
    assert_eq!(problems(&setup), []);
}

#[test]
fn a_circle_of_very_many_records_is_found_and_said_in_short() {
    let mut setup = setup();
    for id in 1..=5_000 {
        setup = setup.condition(id, "CALLERID", &["1"]).link(
            "NOTCONDITION",
            id,
            "CONDITION",
            id % 5_000 + 1,
        );
    }
    let said = said(&setup, ProblemKind::Circle);
    assert_eq!(said.len(), 1);
    assert!(said[0].ends_with("→ 4990 more → condition 1 (Question)"));
}

#[test]
fn an_ivr_without_a_time_out_is_reported() {
    let setup = setup().ivr(1).link("IVR_1", 1, "EXT", 1);
    assert_eq!(problems(&setup), [("ivr_without_timeout", "ivr", 1)]);
}

#[test]
fn a_condition_that_is_not_understood_is_reported() {
    let setup = setup()
        .condition(1, "WEEKTIME", &["", "", "", "2026-02-30"])
        .condition(2, "NOT", &["1"])
        .condition(3, "ANY", &["2", "3"]);
    assert_eq!(
        problems(&setup),
        [
            ("condition_not_understood", "condition", 1),
            ("condition_not_understood", "condition", 3),
        ]
    );
}

#[test]
fn an_empty_group_an_unknown_type_and_another_member_are_reported() {
    let setup = setup()
        .hunt("AA", &[9])
        .voicemail(1)
        .link("HUNTLIST", 1, "VOICEMAIL", 1);
    let mut found = problems(&setup);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("dangling_target", "destination", 1),
            ("hunt_without_members", "hunt", 1),
            ("member_not_extension", "destination", 2),
            ("unknown_hunt_type", "hunt", 1),
        ]
    );
}

#[test]
fn a_number_used_twice_is_reported_with_both_who_have_it() {
    let mut setup = setup().hunt("RINGALL", &[1]);
    setup.table.set_extension(extension(2, "501"));
    assert_eq!(problems(&setup), [("number_used_twice", "hunt", 1)]);
    assert_eq!(
        said(&setup, ProblemKind::NumberUsedTwice),
        ["501 is the number of extension 501 (id 2) and of hunt group 501 (id 1)"]
    );
}

#[test]
fn a_group_of_more_members_than_ring_is_reported() {
    let members = vec![1; MAX_DESTINATIONS + 1];
    let setup = setup().hunt("RINGALL", &members);
    assert_eq!(
        said(&setup, ProblemKind::TooManyDestinations),
        ["hunt group 501 has 201 destinations HUNTLIST; only the first 200 are considered"]
    );
}
