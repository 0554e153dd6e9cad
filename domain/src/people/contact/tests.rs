//! The rules of a contact, without a database.

use cqrs_es::test::TestFramework;

use super::*;

const ADA: Id<Contact> = Id::new(7);
const OWNER: Owner = Owner::in_first_tenant(Id::new(1));
const FRIENDS: Id<Group> = Id::new(5);

fn profile() -> ContactProfile {
    ContactProfile {
        first_name: "Ada".parse().ok(),
        phone: "+15550100".parse().ok(),
        ..ContactProfile::default()
    }
}

fn created() -> ContactEvent {
    ContactCreated {
        id: ADA,
        owner: OWNER,
        profile: Personal::new(ADA.subject(), profile()),
        known_by: None,
    }
}

fn given(events: Vec<ContactEvent>) -> cqrs_es::test::AggregateTestExecutor<Contact> {
    TestFramework::with(()).given(events)
}

#[test]
fn a_contact_needs_a_phone() {
    let profile = ContactProfile {
        phone: None,
        ..profile()
    };
    given(vec![])
        .when(ContactCommand::Create {
            id: ADA,
            owner: OWNER,
            profile,
        })
        .then_expect_error(Refusal::invalid("phone", "is required"));
}

#[test]
fn an_update_that_says_nothing_new_emits_nothing() {
    let patch = ContactPatch {
        first_name: Patch::Set("Ada".parse().unwrap()),
        ..ContactPatch::default()
    };
    given(vec![created()])
        .when(ContactCommand::Update(patch))
        .then_expect_events(vec![]);
}

#[test]
fn what_came_without_a_name_may_stay_without() {
    let profile = ContactProfile {
        first_name: None,
        ..profile()
    };
    let import = ContactCommand::Import {
        id: ADA,
        owner: OWNER,
        profile: profile.clone(),
    };
    let imported = ContactCreated {
        id: ADA,
        owner: OWNER,
        profile: Personal::new(ADA.subject(), profile.clone()),
        known_by: None,
    };
    given(vec![])
        .when(import)
        .then_expect_events(vec![imported.clone()]);
    let patch = ContactPatch {
        custom1: Patch::Set("one".parse().unwrap()),
        ..ContactPatch::default()
    };
    let profile = Personal::new(ADA.subject(), profile.patched(patch.clone()));
    given(vec![imported])
        .when(ContactCommand::Update(patch))
        .then_expect_events(vec![ContactUpdated { profile }]);
}

#[test]
fn a_name_cannot_be_taken_away() {
    let patch = ContactPatch {
        first_name: Patch::Clear,
        ..ContactPatch::default()
    };
    given(vec![created()])
        .when(ContactCommand::Update(patch))
        .then_expect_error(Refusal::invalid("first_name", "is required"));
}

#[test]
fn linking_twice_and_unlinking_what_is_not_linked_say_nothing() {
    let (group, owner) = (FRIENDS, OWNER);
    given(vec![created()])
        .when(ContactCommand::Link { group, owner })
        .then_expect_events(vec![ContactLinked { group }]);
    given(vec![created(), ContactLinked { group }])
        .when(ContactCommand::Link { group, owner })
        .then_expect_events(vec![]);
    given(vec![created()])
        .when(ContactCommand::Unlink(group))
        .then_expect_events(vec![]);
    given(vec![created(), ContactLinked { group }])
        .when(ContactCommand::Unlink(group))
        .then_expect_events(vec![ContactUnlinked { group }]);
}

#[test]
fn a_contact_goes_into_groups_of_its_own_owner_only() {
    let link = ContactCommand::Link {
        group: FRIENDS,
        owner: Owner::in_first_tenant(Id::new(2)),
    };
    let refused = Refusal::invalid("group_id", "is another user's than the contact");
    given(vec![created()]).when(link).then_expect_error(refused);
}

#[test]
fn a_deleted_contact_cannot_be_linked() {
    let (group, owner) = (FRIENDS, OWNER);
    given(vec![created(), ContactLinked { group }, ContactDeleted {}])
        .when(ContactCommand::Link { group, owner })
        .then_expect_error(Refusal::NotFound);
}

#[test]
fn a_deleted_contact_cannot_be_updated() {
    given(vec![created(), ContactDeleted {}])
        .when(ContactCommand::Update(ContactPatch::default()))
        .then_expect_error(Refusal::NotFound);
}

#[test]
fn erasing_deletes_first() {
    given(vec![created()])
        .when(ContactCommand::Erase)
        .then_expect_events(vec![ContactDeleted {}, ContactErased {}]);
}

#[test]
fn a_deleted_contact_can_still_be_erased() {
    given(vec![created(), ContactDeleted {}])
        .when(ContactCommand::Erase)
        .then_expect_events(vec![ContactErased {}]);
}

#[test]
fn one_who_wrote_is_known_by_an_address_until_deleted() {
    let meet = ContactCommand::CreateFromInbound {
        id: ADA,
        owner: OWNER,
        profile: profile(),
        known_by: "print".to_owned(),
    };
    let met = ContactCreated {
        id: ADA,
        owner: OWNER,
        profile: Personal::new(ADA.subject(), profile()),
        known_by: Some("print".to_owned()),
    };
    given(vec![])
        .when(meet.clone())
        .then_expect_events(vec![met.clone()]);
    given(vec![met.clone()])
        .when(meet)
        .then_expect_error(Refusal::AlreadyExists);
    let mut contact = Contact::default();
    contact.apply(met);
    assert_eq!(
        contact.claims(),
        [Contact::inbound_claim("print".to_owned())]
    );
    contact.apply(ContactEvent::ContactDeleted {});
    assert_eq!(contact.claims(), []);
}
