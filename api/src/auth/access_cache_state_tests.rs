use std::collections::BTreeSet;

use domain::{
    FIRST_TENANT, Personal,
    access::{RoleEvent, UserEvent, UserProfile},
    values::Sealed,
};
use eventstore::Metadata;

use super::*;

fn recorded(id: i64, sequence: u64, event: impl Into<Event>) -> Recorded {
    let event = event.into();
    let aggregate_type = match event {
        Event::User(_) => User::TYPE,
        Event::Role(_) => Role::TYPE,
        Event::Permission(_) => Permission::TYPE,
        _ => Session::TYPE,
    };
    Recorded {
        position: 1,
        aggregate_type: aggregate_type.to_owned(),
        aggregate_id: id,
        sequence,
        event_type: String::new(),
        occurred_at: eventstore::clock::now(),
        metadata: Metadata::default(),
        event,
    }
}

fn profile(username: &str, email: &str) -> Personal<UserProfile> {
    let profile = UserProfile {
        username: username.parse().ok(),
        email: email.parse().ok(),
        ..UserProfile::default()
    };
    Personal::new(Id::<User>::new(1).subject(), profile)
}

/// User 1 has role 1, which holds these permissions, numbered from 1.
fn state(permissions: &[&str]) -> State {
    let mut state = State::default();
    let mut held = BTreeSet::new();
    for (id, name) in (1..).zip(permissions) {
        let (id, name) = (Id::new(id), name.parse().unwrap());
        held.insert(id);
        let description = None;
        let created = PermissionEvent::PermissionCreated {
            id,
            name,
            description,
        };
        state.apply(&recorded(id.get(), 1, created));
    }
    let created = RoleEvent::RoleCreated {
        id: Id::new(1),
        name: "desk".parse().unwrap(),
        description: None,
        permissions: held,
    };
    state.apply(&recorded(1, 1, created));
    let created = UserEvent::UserCreated {
        id: Id::new(1),
        active: true,
        profile: profile("Ada", "ada@example.com"),
        password: Sealed::new("hash".into()),
        roles: BTreeSet::from([Id::new(1)]),
        tenant_id: FIRST_TENANT,
    };
    state.apply(&recorded(1, 1, created));
    state
}

#[test]
fn a_user_logs_in_by_name_or_address_in_any_case() {
    let mut state = state(&[]);
    assert_eq!(state.login("ada"), Some(Id::new(1)));
    assert_eq!(state.login("ada@example.com"), Some(Id::new(1)));
    let updated = UserEvent::UserUpdated {
        profile: profile("countess", "ada@example.com"),
    };
    state.apply(&recorded(1, 2, updated));
    assert_eq!(
        (state.login("ada"), state.login("countess")),
        (None, Some(Id::new(1)))
    );
    state.apply(&recorded(1, 3, UserEvent::UserDeleted {}));
    assert_eq!(state.login("countess"), None);
    assert!(!state.has_users());
}

#[test]
fn a_prefix_grants_all_but_admin() {
    let state = state(&["contact", "event_read"]);
    let ada = state.user(Id::new(1)).unwrap();
    for may in ["contact", "contact_create", "contact_delete", "event_read"] {
        assert!(state.may_in(ada, FIRST_TENANT, may), "{may}");
    }
    for may_not in ["contact_admin", "event", "user_read", "contactless"] {
        assert!(!state.may_in(ada, FIRST_TENANT, may_not), "{may_not}");
    }
}

#[test]
fn an_event_seen_twice_counts_once() {
    let mut state = state(&[]);
    let changed = UserEvent::UserDeactivated {};
    state.apply(&recorded(1, 2, changed.clone()));
    state.apply(&recorded(1, 2, changed));
    assert_eq!(state.user(Id::new(1)).unwrap().token_epoch(), 1);
}

#[test]
fn one_who_holds_less_does_not_outrank() {
    let state = state(&["contact", "contact_create"]);
    let ada = state.user(Id::new(1)).unwrap();
    let without_rights = User::default();
    assert!(state.outranks(ada, ada) && state.outranks(ada, &without_rights));
    assert!(!state.outranks(&without_rights, ada));
}

/// A user with these permissions within the first tenant and within tenant 2.
fn user_with(id: i64, rights: [&[i64]; 2]) -> User {
    let mut user = User::default();
    user.apply(UserEvent::UserCreated {
        id: Id::new(id),
        active: true,
        profile: profile("user", "user@example.com"),
        password: Sealed::new("hash".into()),
        roles: BTreeSet::new(),
        tenant_id: FIRST_TENANT,
    });
    for (tenant_id, permissions) in [FIRST_TENANT, SECOND].into_iter().zip(rights) {
        for permission in permissions {
            let (permission_id, tenant_id) = (Id::new(*permission), tenant_id);
            user.apply(UserEvent::UserPermissionGranted {
                permission_id,
                tenant_id,
            });
        }
    }
    user
}

const SECOND: Id<Tenant> = Id::new(2);

#[test]
fn rank_within_a_tenant_is_by_what_both_hold_there() {
    let state = state(&["contact", "user", vocabulary::INSTALLATION_ADMIN]);
    let there = user_with(2, [&[], &[1]]);
    let more_at_home = user_with(3, [&[1, 2], &[1]]);
    let more_there = user_with(4, [&[], &[1, 2]]);
    assert!(state.outranks_in(&there, &more_at_home, SECOND));
    assert!(!state.outranks(&there, &more_at_home));
    assert!(!state.outranks_in(&there, &more_there, SECOND));
    // Rights in another tenant are no rank in this one.
    assert!(!state.outranks_in(&more_at_home, &more_there, SECOND));
}

#[test]
fn an_administrator_of_the_installation_is_outranked_nowhere() {
    let state = state(&["contact", "user", vocabulary::INSTALLATION_ADMIN]);
    let operator = user_with(2, [&[3], &[1]]);
    let company = user_with(3, [&[], &[1, 2]]);
    assert!(!state.outranks_in(&company, &operator, SECOND));
    assert!(state.outranks_in(&operator, &user_with(4, [&[], &[1]]), SECOND));
    assert!(!state.outranks_in(&operator, &company, SECOND));
}
