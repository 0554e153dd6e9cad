//! The configuration in memory, event by event.

use domain::{
    Event, Id, Owner, Personal,
    access::TenantEvent,
    pbx::{HuntDetails, HuntEvent, RecordEvent},
    people::{AccountEvent, AccountKind, AccountProfile, AddressField, ExtensionDetails},
};
use eventstore::{Metadata, Recorded, clock};

use super::state::State;

const TENANT: i64 = 7;
const NUMBER: &str = "+15550199";

fn recorded(aggregate_id: i64, event: impl Into<Event>) -> Recorded {
    Recorded {
        position: 1,
        aggregate_type: String::new(),
        aggregate_id,
        sequence: 1,
        event_type: String::new(),
        occurred_at: clock::now(),
        metadata: Metadata::default(),
        event: event.into(),
    }
}

fn profile(phone: &str) -> Personal<AccountProfile> {
    let profile = AccountProfile {
        first_name: "Ada".parse().ok(),
        phone: phone.parse().ok(),
        ..AccountProfile::default()
    };
    Personal::new(Id::<domain::people::Account>::new(1).subject(), profile)
}

fn created(kind: AccountKind) -> AccountEvent {
    AccountEvent::AccountCreated {
        id: Id::new(1),
        owner: Owner::whole(Id::new(TENANT)),
        kind,
        active: true,
        profile: profile(NUMBER),
    }
}

fn updated(kind: AccountKind, active: bool, phone: &str) -> AccountEvent {
    AccountEvent::AccountUpdated {
        kind,
        active,
        profile: profile(phone),
    }
}

fn assigned() -> AccountEvent {
    AccountEvent::AccountAddressAssigned {
        field: AddressField::Phone,
        fingerprint: String::new(),
        receives: true,
    }
}

fn numbered(number: &str, ring_time: u32) -> AccountEvent {
    let details = ExtensionDetails {
        number: number.parse().ok(),
        ring_time: Some(ring_time),
        ..ExtensionDetails::default()
    };
    AccountEvent::AccountExtensionChanged {
        extension: Personal::new(Id::<domain::people::Account>::new(1).subject(), details),
    }
}

/// The state after these events of account 1.
fn after(events: impl IntoIterator<Item = AccountEvent>) -> State {
    let mut state = State::default();
    for event in events {
        state.apply(&recorded(1, event));
    }
    state
}

/// Whether calls come in at the DID, if it is there.
fn takes_calls(state: &State, number: &str) -> Option<bool> {
    let found = state.tables().did(number)?;
    let problems = domain::pbx::routing::check(state.tables().get(found.tenant)?);
    Some(
        !problems
            .iter()
            .any(|it| it.kind.as_str() == "did_not_connected"),
    )
}

#[test]
fn a_did_takes_calls_once_its_number_is_assigned() {
    let did = AccountKind::Did;
    assert_eq!(takes_calls(&after([created(did)]), NUMBER), Some(false));
    let state = after([created(did), assigned()]);
    assert_eq!(takes_calls(&state, NUMBER), Some(true));
}

#[test]
fn a_did_takes_no_calls_any_more_once_its_number_changes_or_is_released() {
    let did = AccountKind::Did;
    let other = "+15550198";
    let state = after([created(did), assigned(), updated(did, true, other)]);
    assert_eq!(takes_calls(&state, NUMBER), None);
    assert_eq!(takes_calls(&state, other), Some(false));
    let (field, fingerprint, at) = (AddressField::Phone, String::new(), clock::now());
    let relinquished = AccountEvent::AccountAddressRelinquished {
        field,
        fingerprint: fingerprint.clone(),
    };
    let released = AccountEvent::AccountAddressReleased {
        field,
        fingerprint,
        at,
    };
    let state = after([created(did), assigned(), released]);
    assert_eq!(takes_calls(&state, NUMBER), Some(false));
    // An older number's right ends; that to the present one stays.
    let state = after([created(did), assigned(), relinquished]);
    assert_eq!(takes_calls(&state, NUMBER), Some(true));
}

#[test]
fn an_account_that_is_no_did_any_more_has_no_number() {
    let state = after([
        created(AccountKind::Did),
        assigned(),
        updated(AccountKind::Account, true, NUMBER),
    ]);
    assert_eq!(takes_calls(&state, NUMBER), None);
}

#[test]
fn an_extension_has_the_number_that_it_was_given_last() {
    let created = || created(AccountKind::Extension);
    let state = after([created(), numbered("100", 20), numbered("101", 25)]);
    assert_eq!(state, after([created(), numbered("101", 25)]));
    assert_ne!(state, after([created(), numbered("101", 20)]));
}

#[test]
fn a_deleted_account_leaves_nothing_behind() {
    let ended = [AccountEvent::AccountDeleted {}];
    let extension = [created(AccountKind::Extension), numbered("100", 20)];
    let state = after(extension.into_iter().chain(ended));
    assert!(
        state
            .tables()
            .get(TENANT)
            .is_none_or(|table| **table == Default::default())
    );
}

#[test]
fn records_follow_their_tenant() {
    let mut state = State::default();
    let details = HuntDetails {
        number: "600".parse().ok(),
        ..HuntDetails::default()
    };
    let subject = || Id::<domain::pbx::Hunt>::new(4).subject();
    let created: HuntEvent = RecordEvent::Created {
        id: 4,
        owner: Some(Owner::whole(Id::new(TENANT))),
        details: Personal::new(subject(), details.clone()),
    };
    state.apply(&recorded(4, created));
    let changed: HuntEvent = RecordEvent::Updated {
        details: Personal::new(
            subject(),
            HuntDetails {
                name: "Team".parse().ok(),
                ..details
            },
        ),
    };
    state.apply(&recorded(4, changed));
    let problems = domain::pbx::routing::check(state.tables().get(TENANT).unwrap());
    assert!(
        problems.iter().any(|it| it.said.contains("Team")),
        "{problems:?}"
    );
    state.apply(&recorded(TENANT, TenantEvent::TenantDeleted {}));
    assert!(state.tables().get(TENANT).is_none());
}
