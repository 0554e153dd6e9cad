//! The life of a record, and the form of its events.

use cqrs_es::{
    DomainEvent as _,
    test::{AggregateTestExecutor, TestFramework},
};
use serde_json::json;

use super::{
    Hunt, HuntCommand, HuntDetails, HuntEvent, HuntPatch, PhoneModelDetails, PhoneModelEvent,
    RecordEvent,
};
use crate::{Entity as _, Event, Id, Owner, Patch, Personal, Refusal, Subject};

const SALES: Id<Hunt> = Id::new(5);

fn owner() -> Option<Owner> {
    Some(Owner::whole(Id::new(2)))
}

fn given(events: Vec<HuntEvent>) -> AggregateTestExecutor<Hunt> {
    TestFramework::with(()).given(events)
}

fn details(name: &str) -> Personal<HuntDetails> {
    let details = HuntDetails {
        number: "600".parse().ok(),
        name: name.parse().ok(),
        ..HuntDetails::default()
    };
    Personal::new(Subject::new("hunt", 5), details)
}

fn created() -> HuntEvent {
    RecordEvent::Created {
        id: 5,
        owner: owner(),
        details: details("Sales"),
    }
}

fn patch(name: &str) -> HuntPatch {
    HuntPatch {
        number: Patch::Set("600".parse().unwrap()),
        name: Patch::Set(name.parse().unwrap()),
        ..HuntPatch::default()
    }
}

fn create(patch: HuntPatch) -> HuntCommand {
    HuntCommand::Create {
        id: SALES,
        owner: owner(),
        patch,
    }
}

#[test]
fn a_record_is_created_once() {
    given(vec![])
        .when(create(patch("Sales")))
        .then_expect_events(vec![created()]);
    given(vec![created()])
        .when(create(patch("Sales")))
        .then_expect_error(Refusal::AlreadyExists);
}

#[test]
fn an_update_keeps_what_it_does_not_name_and_says_nothing_twice() {
    let renamed = || HuntPatch {
        name: Patch::Set("Support".parse().unwrap()),
        ..HuntPatch::default()
    };
    let updated = || RecordEvent::Updated {
        details: details("Support"),
    };
    given(vec![created()])
        .when(HuntCommand::Update(renamed()))
        .then_expect_events(vec![updated()]);
    given(vec![created(), updated()])
        .when(HuntCommand::Update(renamed()))
        .then_expect_events(vec![]);
}

#[test]
fn a_record_keeps_what_it_must_have() {
    let cleared = HuntPatch {
        name: Patch::Clear,
        ..HuntPatch::default()
    };
    given(vec![created()])
        .when(HuntCommand::Update(cleared))
        .then_expect_error(Refusal::invalid("name", "is required"));
}

#[test]
fn a_deleted_record_is_not_there() {
    given(vec![created(), RecordEvent::Deleted {}])
        .when(HuntCommand::Delete)
        .then_expect_error(Refusal::NotFound);
}

#[test]
fn a_record_belongs_to_its_tenant() {
    use cqrs_es::Aggregate as _;
    let mut hunt = Hunt::default();
    hunt.apply(created());
    assert_eq!(hunt.owner(), owner());
    assert_eq!(hunt.owning_user(), None);
}

#[test]
fn an_event_is_written_under_the_name_of_its_kind() {
    let written = serde_json::to_value(created()).unwrap();
    let fields = &written["HuntCreated"];
    assert_eq!(fields["owner"], json!({"tenant": 2}));
    assert_eq!(fields["details"]["$value"]["name"], "Sales");
    assert_eq!(created().event_type(), "HuntCreated");
    let read = Event::decode("hunt", written).unwrap().unwrap();
    assert_eq!(read, created().into());
}

#[test]
fn an_event_of_a_kind_of_the_installation_names_no_owner() {
    let event: PhoneModelEvent = RecordEvent::Created {
        id: 1,
        owner: None,
        details: Personal::new(Subject::new("phone_model", 1), PhoneModelDetails::default()),
    };
    let written = serde_json::to_value(&event).unwrap();
    assert_eq!(written["PhoneModelCreated"].get("owner"), None);
    let read = Event::decode("phone_model", written).unwrap().unwrap();
    assert_eq!(read, event.into());
}

#[test]
fn an_unknown_event_is_refused_with_the_known_ones() {
    let unknown = Event::decode("hunt", json!({"PhoneCreated": {}}));
    let error = unknown.unwrap().unwrap_err().to_string();
    let expected = "unknown variant `PhoneCreated`, expected one of `HuntCreated`, `HuntUpdated`, \
                    `HuntDeleted`";
    assert!(error.starts_with(expected), "{error}");
}
