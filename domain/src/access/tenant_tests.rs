use cqrs_es::test::{AggregateTestExecutor, TestFramework};

use super::*;

fn details(code: &str) -> TenantDetails {
    TenantDetails {
        code: code.to_owned(),
        ..TenantDetails::default()
    }
}

fn created(id: i64) -> TenantEvent {
    TenantCreated {
        id: Id::new(id),
        details: details("acme"),
    }
}

fn given(events: Vec<TenantEvent>) -> AggregateTestExecutor<Tenant> {
    TestFramework::with(()).given(events)
}

fn coded(code: &str) -> TenantPatch {
    TenantPatch {
        code: code.parse().map_or(Patch::Keep, Patch::Set),
        ..TenantPatch::default()
    }
}

fn delete(left: &[&str]) -> TenantCommand {
    let left = left.iter().map(|it| (*it).to_owned()).collect();
    TenantCommand::Delete { left }
}

#[test]
fn a_code_is_a_word_of_an_address() {
    given(vec![created(2)])
        .when(TenantCommand::Update(coded("a.b")))
        .then_expect_error(Refusal::invalid(
            "code",
            "must be 1 to 32 of A-Z, a-z, 0-9, - and _",
        ));
    given(vec![])
        .when(TenantCommand::Create {
            id: Id::new(2),
            patch: TenantPatch::default(),
        })
        .then_expect_error(Refusal::invalid("code", "is required"));
    given(vec![created(2)])
        .when(TenantCommand::Update(coded("CODE-A_1")))
        .then_expect_events(vec![TenantUpdated {
            details: details("CODE-A_1"),
        }]);
}

#[test]
fn a_mail_domain_is_the_same_in_each_of_its_spellings() {
    for spelling in ["München.example", "xn--mnchen-3ya.EXAMPLE."] {
        let domains = vec![spelling.parse().unwrap()];
        let patch = TenantPatch {
            code: "acme".parse().map_or(Patch::Keep, Patch::Set),
            mail_domains: Patch::Set(domains),
            ..TenantPatch::default()
        };
        let details = TenantDetails::default().patched(patch).unwrap();
        let tenant = Tenant {
            details,
            ..Tenant::default()
        };
        for written in ["a@münchen.example", "A@xn--mnchen-3ya.example"] {
            assert!(tenant.has_address(&normal_address(written)), "{written}");
        }
        assert!(!tenant.has_address("a@munchen.example"));
    }
}

#[test]
fn the_first_tenant_stays() {
    given(vec![created(1)])
        .when(delete(&[]))
        .then_expect_error(Refusal::not_ready("the first tenant cannot be deleted"));
}

#[test]
fn a_tenant_in_use_stays() {
    given(vec![created(2)])
        .when(delete(&["campaigns", "users"]))
        .then_expect_error(Refusal::not_ready("there are campaigns, users within it"));
    given(vec![created(2)])
        .when(delete(&[]))
        .then_expect_events(vec![TenantDeleted {}]);
}
