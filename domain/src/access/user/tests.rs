//! The rules of a user, without a database.

use std::collections::BTreeSet;

use cqrs_es::{
    Aggregate,
    test::{AggregateTestExecutor, TestFramework},
};

use super::{
    UserEvent::{UserActivated, UserCreated, UserDeactivated, UserPasswordChanged},
    *,
};
use crate::{Entity, Id, Patch, Personal, Refusal, values::Sealed};

fn created() -> UserEvent {
    UserCreated {
        id: Id::new(1),
        active: true,
        profile: Personal::of(
            Id::<User>::new(1).subject(),
            UserProfile {
                username: "ada".parse().ok(),
                ..UserProfile::default()
            },
        ),
        password: Sealed::new("hash".into()),
        roles: BTreeSet::new(),
    }
}

fn given(events: Vec<UserEvent>) -> AggregateTestExecutor<User> {
    TestFramework::with(()).given(events)
}

#[test]
fn deactivating_is_its_own_event() {
    let patch = UserPatch {
        active: Patch::Set(false),
        ..UserPatch::default()
    };
    given(vec![created()])
        .when(UserCommand::Update(patch))
        .then_expect_events(vec![UserDeactivated {}]);
}

#[test]
fn a_password_change_and_a_deactivation_end_every_token() {
    let mut user = User::default();
    user.apply(created());
    user.apply(UserPasswordChanged {
        password: Sealed::new("new".into()),
    });
    user.apply(UserDeactivated {});
    user.apply(UserActivated {});
    assert_eq!(user.token_epoch(), 2);
}

#[test]
fn a_username_with_a_colon_stays_and_is_not_given() {
    let named = |name: &str| UserPatch {
        username: Patch::Set(name.parse().unwrap()),
        ..UserPatch::default()
    };
    let refused = || Refusal::invalid("username", "must not contain a colon");
    given(vec![created()])
        .when(UserCommand::Update(named("ada:lovelace")))
        .then_expect_error(refused());
    given(vec![])
        .when(UserCommand::Create {
            id: Id::new(1),
            patch: named("ada:lovelace"),
            password: Sealed::new("hash".into()),
            roles: BTreeSet::new(),
        })
        .then_expect_error(refused());

    let mut old = User::default();
    old.apply(created());
    old.profile.username = "old:name".parse().ok();
    let activated = UserPatch {
        active: Patch::Set(false),
        ..named("old:name")
    };
    assert_eq!(old.update(activated), Ok(vec![UserDeactivated {}]));
    assert_eq!(
        old.update(named("new-name")).map(|events| events.len()),
        Ok(1)
    );
}

#[test]
fn a_username_equal_to_the_email_is_claimed_once() {
    let mut user = User::default();
    user.apply(created());
    user.profile.username = "A@b.c".parse().ok();
    user.profile.email = "a@b.c".parse().ok();
    assert_eq!(user.claims().len(), 1);
}
