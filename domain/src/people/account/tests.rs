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
use crate::{Entity, Id, Owner, Personal, Refusal};

const DESK: Id<Account> = Id::new(3);

fn created() -> AccountEvent {
    AccountCreated {
        id: DESK,
        owner: Owner::in_first_tenant(Id::new(1)),
        kind: AccountKind::Account,
        active: true,
        profile: Personal::new(
            DESK.subject(),
            AccountProfile {
                username: "desk".parse().ok(),
                phone: "+15550199".parse().ok(),
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
        .when(AccountCommand::Assign(Owner::in_first_tenant(Id::new(2))))
        .then_expect_events(vec![
            AccountUnsubscribed { program_id },
            AccountAssigned {
                owner: Owner::in_first_tenant(Id::new(2)),
            },
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
            owner: Owner::in_first_tenant(Id::new(1)),
            patch: AccountPatch::default(),
            assigned: Vec::new(),
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

mod addresses {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::*;
    use crate::Patch;
    use crate::people::{
        AccountEvent::{
            AccountAddressAssigned, AccountAddressProvided, AccountAddressReleased,
            AccountAddressRelinquished, AccountAddressVerified, AccountUpdated,
            AccountVerificationFailed, AccountVerificationStarted,
        },
        AddressAssignment, AddressField,
    };

    const PHONE: AddressField = AddressField::Phone;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn assignment(address: &str) -> AddressAssignment {
        AddressAssignment {
            field: PHONE,
            address: address.to_owned(),
            fingerprint: "a".to_owned(),
            receives: true,
        }
    }

    fn assigned(fingerprint: &str) -> AccountEvent {
        AccountAddressAssigned {
            field: PHONE,
            fingerprint: fingerprint.to_owned(),
            receives: true,
        }
    }

    fn started() -> AccountEvent {
        AccountVerificationStarted {
            field: PHONE,
            fingerprint: "a".to_owned(),
            challenge: "c".to_owned(),
            expires_at: at(10),
        }
    }

    fn confirm(matches: bool, minutes: i64) -> AccountCommand {
        AccountCommand::ConfirmVerification {
            field: PHONE,
            challenge: "c".to_owned(),
            matches,
            at: at(minutes),
        }
    }

    fn released(minutes: i64) -> AccountEvent {
        AccountAddressReleased {
            field: PHONE,
            fingerprint: "a".to_owned(),
            at: at(minutes),
        }
    }

    fn relinquish(days: i64, freely: bool) -> AccountCommand {
        AccountCommand::RelinquishAddress {
            field: PHONE,
            fingerprint: "a".to_owned(),
            at: at(days * 24 * 60),
            freely,
        }
    }

    fn no_code() -> Refusal {
        Refusal::invalid("code", "no code is valid any more: have another one sent")
    }

    fn state(events: Vec<AccountEvent>) -> Account {
        let mut account = Account::default();
        events.into_iter().for_each(|event| account.apply(event));
        account
    }

    #[test]
    fn the_right_code_in_time_verifies() {
        given(vec![created(), started()])
            .when(confirm(true, 9))
            .then_expect_events(vec![AccountAddressVerified {
                field: PHONE,
                fingerprint: "a".to_owned(),
            }]);
    }

    #[test]
    fn a_code_expires_after_ten_minutes() {
        given(vec![created(), started()])
            .when(confirm(true, 10))
            .then_expect_error(no_code());
    }

    #[test]
    fn five_wrong_codes_end_a_verification() {
        let failed = || AccountVerificationFailed { field: PHONE };
        given(vec![
            created(),
            started(),
            failed(),
            failed(),
            failed(),
            failed(),
        ])
        .when(confirm(false, 1))
        .then_expect_events(vec![failed()]);
        let five = std::iter::repeat_with(failed).take(5);
        given([created(), started()].into_iter().chain(five).collect())
            .when(confirm(true, 1))
            .then_expect_error(no_code());
    }

    #[test]
    fn a_code_for_an_earlier_challenge_verifies_nothing() {
        let later = AccountVerificationStarted {
            field: PHONE,
            fingerprint: "b".to_owned(),
            challenge: "d".to_owned(),
            expires_at: at(10),
        };
        given(vec![created(), started(), later])
            .when(confirm(true, 1))
            .then_expect_error(no_code());
    }

    #[test]
    fn an_address_that_was_changed_meanwhile_gets_no_right() {
        let changed = "was changed at the same time: look at it and try again";
        let start = AccountCommand::StartVerification {
            field: PHONE,
            address: "15550100".to_owned(),
            fingerprint: "b".to_owned(),
            challenge: "d".to_owned(),
            at: at(0),
        };
        for command in [start, AccountCommand::AssignAddress(assignment("15550100"))] {
            given(vec![created()])
                .when(command)
                .then_expect_error(Refusal::invalid("phone", changed));
        }
        given(vec![created()])
            .when(AccountCommand::AssignAddress(assignment("15550199")))
            .then_expect_events(vec![assigned("a")]);
    }

    #[test]
    fn an_account_of_a_deleted_user_keeps_no_address() {
        let reason = "its user was deleted".to_owned();
        given(vec![created(), assigned("a")])
            .when(AccountCommand::Abandon {
                reason: reason.clone(),
                at: at(1),
            })
            .then_expect_events(vec![released(1), AccountDeactivated { reason }]);
    }

    #[test]
    fn another_number_releases_the_old_one_and_ends_its_verification() {
        let patch = AccountPatch {
            phone: Patch::Set("+15550100".parse().unwrap()),
            ..AccountPatch::default()
        };
        let update = AccountCommand::Update {
            patch,
            assigned: Vec::new(),
            at: at(1),
        };
        let profile = AccountProfile {
            username: "desk".parse().ok(),
            phone: "+15550100".parse().ok(),
            ..AccountProfile::default()
        };
        given(vec![created(), assigned("a"), started()])
            .when(update)
            .then_expect_events(vec![
                AccountUpdated {
                    kind: AccountKind::Account,
                    active: true,
                    profile: Personal::new(DESK.subject(), profile.clone()),
                },
                released(1),
            ]);
        let mut account = state(vec![created(), started()]);
        account.apply(AccountUpdated {
            kind: AccountKind::Account,
            active: true,
            profile: Personal::new(DESK.subject(), profile),
        });
        assert_eq!(account.challenge(PHONE, at(1)), None);
    }

    #[test]
    fn a_released_address_stays_claimed() {
        let account = state(vec![created(), assigned("a"), released(0)]);
        assert!(account.claims().contains(&PHONE.claim("a".to_owned())));
        assert!(!account.may_send_as(PHONE, at(1)));
    }

    #[test]
    fn others_wait_for_ninety_days_after_a_release() {
        let history = || vec![created(), assigned("a"), released(0), AccountDeleted {}];
        let relinquished = AccountAddressRelinquished {
            field: PHONE,
            fingerprint: "a".to_owned(),
        };
        let taken = Refusal::Taken { field: "phone" };
        given(history())
            .when(relinquish(89, false))
            .then_expect_error(taken);
        for (days, freely) in [(90, false), (1, true)] {
            given(history())
                .when(relinquish(days, freely))
                .then_expect_events(vec![relinquished.clone()]);
        }
    }

    #[test]
    fn an_assigned_address_is_not_left_to_others() {
        given(vec![created(), assigned("a")])
            .when(relinquish(400, true))
            .then_expect_error(Refusal::Taken { field: "phone" });
    }

    #[test]
    fn a_provisional_right_gives_way_and_ends() {
        let provided = || AccountAddressProvided {
            field: PHONE,
            fingerprint: "a".to_owned(),
            receives: true,
            until: at(60),
        };
        let account = state(vec![created(), provided()]);
        assert!(account.may_send_as(PHONE, at(59)));
        assert!(!account.may_send_as(PHONE, at(60)));
        let relinquished = AccountAddressRelinquished {
            field: PHONE,
            fingerprint: "a".to_owned(),
        };
        given(vec![created(), provided()])
            .when(relinquish(0, false))
            .then_expect_events(vec![released(0), relinquished]);
    }

    #[test]
    fn an_account_without_the_claim_has_nothing_to_relinquish() {
        given(vec![created()])
            .when(relinquish(0, false))
            .then_expect_events(vec![]);
    }

    #[test]
    fn assigning_what_is_assigned_says_nothing_new() {
        given(vec![created(), assigned("a")])
            .when(AccountCommand::AssignAddress(assignment("15550199")))
            .then_expect_events(vec![]);
    }
}
