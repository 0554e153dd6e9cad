//! The things that a caller reached when their request was carried out, without which its answer is
//! not given to them again.

use domain::{FIRST_TENANT, Id, Scope, Tenants, access::Tenant};
use serde::{Deserialize, Serialize};

/// The reach of the caller by each permission of the route, in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reach(Vec<Reached>);

/// The reach by one permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reached {
    Installation,
    Within { own: Tenants, whole: Tenants },
}

impl Reach {
    /// The reach that these scopes are.
    pub fn from_scopes(scopes: &[Scope]) -> Self {
        Self(scopes.iter().map(Reached::from_scope).collect())
    }

    /// The reach behind answers that earlier versions kept without one: by each permission, one's
    /// own things in the first tenant, beside which there was no other.
    pub fn before_tenants(permissions: usize) -> Self {
        let own = Reached::Within {
            own: Tenants::from([FIRST_TENANT]),
            whole: Tenants::new(),
        };
        Self(vec![own; permissions])
    }

    /// The part of it that is within a tenant.
    pub fn within(self, tenant: Id<Tenant>) -> Self {
        let narrowed = self.0.into_iter().map(|one| one.within(tenant));
        Self(narrowed.collect())
    }

    /// True if these scopes, of the same permissions, still reach all of it.
    pub fn is_covered(&self, scopes: &[Scope]) -> bool {
        let pairs = self.0.iter().zip(scopes);
        self.0.len() == scopes.len() && pairs.into_iter().all(|(then, now)| then.is_covered(now))
    }
}

impl Reached {
    fn from_scope(scope: &Scope) -> Self {
        match scope {
            Scope::Installation => Self::Installation,
            Scope::Within(reach) => Self::Within {
                own: reach.own.clone(),
                whole: reach.whole.clone(),
            },
        }
    }

    fn within(self, tenant: Id<Tenant>) -> Self {
        let only = |tenants: Tenants| tenants.into_iter().filter(|it| *it == tenant).collect();
        match self {
            Self::Installation => Self::Within {
                own: Tenants::new(),
                whole: Tenants::from([tenant]),
            },
            Self::Within { own, whole } => Self::Within {
                own: only(own),
                whole: only(whole),
            },
        }
    }

    fn is_covered(&self, now: &Scope) -> bool {
        match (self, now) {
            (_, Scope::Installation) => true,
            (Self::Installation, Scope::Within(_)) => false,
            (Self::Within { own, whole }, Scope::Within(reach)) => {
                let has_own = |it: &Id<Tenant>| reach.own.contains(it) || reach.whole.contains(it);
                whole.is_subset(&reach.whole) && own.iter().all(has_own)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Id<Tenant> = Id::new(1);
    const TWO: Id<Tenant> = Id::new(2);

    fn scope(own: &[Id<Tenant>], whole: &[Id<Tenant>]) -> Scope {
        let set = |tenants: &[Id<Tenant>]| tenants.iter().copied().collect();
        Scope::within(Id::new(7), set(own), set(whole))
    }

    #[test]
    fn a_replayed_answer_needs_the_same_rights() {
        let then = Reach::from_scopes(&[scope(&[ONE], &[TWO])]);
        for (now, is_covered) in [
            (Scope::Installation, true),
            (scope(&[ONE], &[TWO]), true),
            (scope(&[], &[ONE, TWO]), true),
            (scope(&[ONE, TWO], &[]), false),
            (scope(&[], &[TWO]), false),
        ] {
            assert_eq!(
                then.is_covered(std::slice::from_ref(&now)),
                is_covered,
                "{now:?}"
            );
        }
        assert!(!Reach::from_scopes(&[Scope::Installation]).is_covered(&[scope(&[ONE], &[TWO])]));
        assert!(
            !then.is_covered(&[]),
            "the route asks for other permissions"
        );
    }

    #[test]
    fn an_answer_from_before_tenants_is_of_the_first() {
        let then = Reach::before_tenants(1);
        assert!(then.is_covered(&[scope(&[ONE], &[])]));
        assert!(!then.is_covered(&[scope(&[TWO], &[TWO])]));
    }

    #[test]
    fn of_an_answer_of_one_tenant_only_that_tenant_counts() {
        let then = Reach::from_scopes(&[scope(&[ONE], &[TWO]), Scope::Installation]).within(TWO);
        let now = scope(&[], &[TWO]);
        assert!(then.is_covered(&[now.clone(), now.clone()]));
        assert!(!then.is_covered(&[now, scope(&[TWO], &[])]));
    }
}
