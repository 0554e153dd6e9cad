//! Tables that are kept current record by record.

use super::*;
use crate::pbx::SourceKind;

#[test]
fn a_destination_that_changes_its_source_leaves_the_old_one() {
    let mut setup = setup().link("DID", 1, "EXT", 1);
    let moved = destination(("EXT-BUSY", 1), ("EXT", 2));
    setup.table.set_destination(1, moved);
    assert!(setup.table.destinations(SourceKind::Did, 1).is_empty());
    let edges = setup.table.destinations(SourceKind::ExtBusy, 1);
    assert_eq!(edges.len(), 1);
}

#[test]
fn a_destination_of_an_unknown_word_is_kept_aside_until_it_is_corrected() {
    let mut setup = setup().link("PARKING", 1, "EXT", 1);
    assert_eq!(check(&setup.table)[1].kind, ProblemKind::UnknownWord);
    let corrected = destination(("DID", 1), ("EXT", 1));
    setup.table.set_destination(1, corrected);
    assert_eq!(check(&setup.table), []);
}

#[test]
fn an_extension_with_a_new_number_leaves_the_old_one() {
    let mut setup = setup();
    setup.table.set_extension(extension(1, "201"));
    assert_eq!(setup.table.holder("101"), None);
    let node = Node::new(NodeKind::Extension, 1);
    assert_eq!(setup.table.holder("201"), Some(node));
}

#[test]
fn a_number_used_twice_is_that_of_the_one_that_takes_calls() {
    let mut setup = setup().hunt("RINGALL", &[2]);
    setup.table.set_extension(extension(1, "501"));
    let node = setup.table.holder("501").unwrap();
    assert_eq!(node.kind, NodeKind::Extension);
    let active = false;
    let entry = extension(1, "501");
    setup
        .table
        .set_extension(ExtensionEntry { active, ..entry });
    let node = setup.table.holder("501").unwrap();
    assert_eq!(node.kind, NodeKind::Hunt);
}

#[test]
fn a_table_from_which_everything_was_removed_is_empty() {
    let mut setup = setup()
        .hunt("RINGALL", &[1])
        .ivr(1)
        .voicemail(1)
        .custom(1, "1")
        .disa(1, true)
        .condition(1, "ALL", &["1"])
        .link("PARKING", 1, "EXT", 1);
    let table = &mut setup.table;
    (1..=4).for_each(|id| table.remove_extension(id));
    (1..=2).for_each(|id| table.remove_destination(id));
    table.remove_did(1);
    table.remove_hunt(1);
    table.remove_ivr(1);
    table.remove_voicemail(1);
    table.remove_custom(1);
    table.remove_disa(1);
    table.remove_condition(1);
    assert_eq!(*table, Table::default());
}
