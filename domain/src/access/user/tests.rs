//! The rules of a user, without a database.

use std::collections::BTreeSet;

use chrono::DateTime;
use cqrs_es::{
    Aggregate,
    test::{AggregateTestExecutor, TestFramework},
};

use super::{
    UserEvent::{
        UserActivated, UserCreated, UserDeactivated, UserPasswordChanged, UserSmsSendersListed,
        UserSmsSendersProvided,
    },
    *,
};
use crate::{
    Entity, FIRST_TENANT, Id, Patch, Personal, Refusal, outreach::SenderId, values::Sealed,
};

fn created() -> UserEvent {
    UserCreated {
        id: Id::new(1),
        active: true,
        profile: Personal::new(
            Id::<User>::new(1).subject(),
            UserProfile {
                username: "ada".parse().ok(),
                ..UserProfile::default()
            },
        ),
        password: Sealed::new("hash".into()),
        roles: BTreeSet::new(),
        tenant_id: FIRST_TENANT,
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
            tenant: FIRST_TENANT,
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

fn senders(names: &[&str]) -> Vec<SenderId> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn senders_of_short_messages_are_listed_once_each() {
    let names = Personal::new(
        Id::<User>::new(1).subject(),
        vec!["ACME".to_owned(), "+4930123".to_owned()],
    );
    let list = UserCommand::ListSmsSenders(senders(&["ACME", "+4930123", "004930123", "ACME"]));
    given(vec![created()])
        .when(list.clone())
        .then_expect_events(vec![UserSmsSendersListed {
            names: names.clone(),
        }]);
    given(vec![created(), UserSmsSendersListed { names }])
        .when(list)
        .then_expect_events(vec![]);
    let many: Vec<String> = (0..51).map(|n| format!("N{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    given(vec![created()])
        .when(UserCommand::ListSmsSenders(senders(&many)))
        .then_expect_error(Refusal::invalid("names", "must be at most 50"));
}

/// All senders in use are adopted, also more than the list may otherwise have.
#[test]
fn senders_in_use_are_adopted_without_a_bound() {
    let many: Vec<String> = (0..51).map(|n| format!("N{n}")).collect();
    let listed: Vec<&str> = many.iter().map(String::as_str).collect();
    let until = DateTime::from_timestamp(100, 0).unwrap();
    let adopt = UserCommand::AdoptSmsSenders {
        listed: senders(&listed),
        provisional: senders(&["BANK", "N3"]),
        until,
    };
    let subject = || Id::<User>::new(1).subject();
    let adopted = || {
        vec![
            UserSmsSendersListed {
                names: Personal::new(subject(), many.clone()),
            },
            UserSmsSendersProvided {
                names: Personal::new(subject(), vec!["BANK".to_owned()]),
                until,
            },
        ]
    };
    given(vec![created()])
        .when(adopt.clone())
        .then_expect_events(adopted());
    let history = [vec![created()], adopted()].concat();
    given(history).when(adopt).then_expect_events(vec![]);
}

#[test]
fn a_provisional_sender_may_be_named_until_its_grace_ends() {
    let at = |second| DateTime::from_timestamp(second, 0).unwrap();
    let mut user = User::default();
    user.apply(created());
    let names = Personal::new(Id::<User>::new(1).subject(), vec!["BANK".to_owned()]);
    user.apply(UserSmsSendersProvided {
        names: names.clone(),
        until: at(100),
    });
    assert!(user.sms_senders().allow("BANK", at(99)));
    assert!(!user.sms_senders().allow("BANK", at(100)));
    user.apply(UserSmsSendersListed { names });
    assert!(user.sms_senders().allow("BANK", at(100)));
    assert!(!user.sms_senders().allow("Bank", at(1)));
}

#[test]
fn a_username_equal_to_the_email_is_claimed_once() {
    let mut user = User::default();
    user.apply(created());
    user.profile.username = "A@b.c".parse().ok();
    user.profile.email = "a@b.c".parse().ok();
    assert_eq!(user.claims().len(), 1);
}
