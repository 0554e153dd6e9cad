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
use crate::{Entity, Id, Patch, Personal, values::Sealed};

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
fn a_username_equal_to_the_email_is_claimed_once() {
    let mut user = User::default();
    user.apply(created());
    user.profile.username = "A@b.c".parse().ok();
    user.profile.email = "a@b.c".parse().ok();
    assert_eq!(user.claims().len(), 1);
}
