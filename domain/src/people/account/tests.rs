//! The rules of an account, without a database.

use cqrs_es::{
    Aggregate,
    test::{AggregateTestExecutor, TestFramework},
};

use super::{
    AccountEvent::{
        AccountAssigned, AccountCreated, AccountDeactivated, AccountDeleted, AccountSubscribed,
        AccountUnsubscribed,
    },
    *,
};
use crate::{Entity, Id, Personal, Refusal};

const DESK: Id<Account> = Id::new(3);

fn created() -> AccountEvent {
    AccountCreated {
        id: DESK,
        owner: Id::new(1),
        kind: AccountKind::Account,
        active: true,
        profile: Personal::of(
            DESK.subject(),
            AccountProfile {
                username: "desk".parse().ok(),
                ..AccountProfile::default()
            },
        ),
    }
}

fn given(events: Vec<AccountEvent>) -> AggregateTestExecutor<Account> {
    TestFramework::with(()).given(events)
}

#[test]
fn a_new_owner_starts_without_the_old_ones_subscriptions() {
    let program_id = Id::new(9);
    given(vec![created(), AccountSubscribed { program_id }])
        .when(AccountCommand::Assign(Id::new(2)))
        .then_expect_events(vec![
            AccountUnsubscribed { program_id },
            AccountAssigned { owner: Id::new(2) },
        ]);
}

#[test]
fn an_account_is_deactivated_once() {
    let reason = || "its user was deleted".to_owned();
    let deactivated = || AccountDeactivated { reason: reason() };
    given(vec![created()])
        .when(AccountCommand::Deactivate { reason: reason() })
        .then_expect_events(vec![deactivated()]);
    given(vec![created(), deactivated()])
        .when(AccountCommand::Deactivate { reason: reason() })
        .then_expect_events(vec![]);
}

#[test]
fn an_account_needs_a_username() {
    given(vec![])
        .when(AccountCommand::Create {
            id: DESK,
            owner: Id::new(1),
            patch: AccountPatch::default(),
        })
        .then_expect_error(Refusal::invalid("username", "is required"));
}

#[test]
fn a_deleted_account_gives_its_name_back() {
    let mut account = Account::default();
    account.apply(created());
    assert_eq!(account.claims().len(), 1);
    account.apply(AccountDeleted {});
    assert_eq!(account.claims(), vec![]);
}
