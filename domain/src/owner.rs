//! Ownership: whose a thing is, and which things a caller may reach.

use std::{collections::BTreeSet, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Id,
    access::{Tenant, User},
};

/// The tenant that every installation begins with. Events from before there were tenants are of it.
pub const FIRST_TENANT: Id<Tenant> = Id::new(1);

/// The tenant of events that name none.
pub(crate) fn first_tenant() -> Id<Tenant> {
    FIRST_TENANT
}

/// True for the tenant that events do not name.
pub(crate) fn is_first_tenant(tenant: &Id<Tenant>) -> bool {
    *tenant == FIRST_TENANT
}

/// The owner of a thing: a tenant and, within it, a user.
///
/// In events it is the user's number if the tenant is the first one, as in events from before
/// there were tenants, and otherwise `{"tenant": 2, "user": 5}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The tenant.
    pub tenant: Id<Tenant>,
    /// The user; `None` if the thing belongs to the tenant as a whole.
    pub user: Option<Id<User>>,
}

impl Owner {
    /// A user within a tenant.
    pub const fn new(tenant: Id<Tenant>, user: Id<User>) -> Self {
        Self {
            tenant,
            user: Some(user),
        }
    }

    /// A user within the first tenant.
    pub const fn in_first_tenant(user: Id<User>) -> Self {
        Self::new(FIRST_TENANT, user)
    }

    /// The tenant as a whole.
    pub const fn whole(tenant: Id<Tenant>) -> Self {
        Self { tenant, user: None }
    }

    /// True if this user is the owner, in whichever tenant.
    pub fn is(&self, user: Id<User>) -> bool {
        self.user == Some(user)
    }
}

/// The form in fingerprints: `5` in the first tenant, as before there were tenants, else `2:5`.
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, user } = self;
        match user {
            Some(user) if *tenant == FIRST_TENANT => user.fmt(f),
            Some(user) => write!(f, "{tenant}:{user}"),
            None => write!(f, "{tenant}:"),
        }
    }
}

/// The form of an [`Owner`] with its tenant.
#[derive(Serialize, Deserialize)]
struct Named {
    tenant: Id<Tenant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Id<User>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    User(Id<User>),
    Named(Named),
}

impl Serialize for Owner {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { tenant, user } = *self;
        match user {
            Some(user) if tenant == FIRST_TENANT => user.serialize(serializer),
            _ => Named { tenant, user }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Owner {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Form::deserialize(deserializer)? {
            Form::User(user) => Self::in_first_tenant(user),
            Form::Named(Named { tenant, user }) => Self { tenant, user },
        })
    }
}

/// Some tenants.
pub type Tenants = BTreeSet<Id<Tenant>>;

/// The things that somebody may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All things of the installation.
    #[default]
    Installation,
    /// The things within some tenants.
    Within(Arc<Reach>),
}

/// The reach of a user within tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The user.
    pub user: Id<User>,
    /// The tenants in which the user reaches their own things.
    pub own: Tenants,
    /// The tenants in which the user reaches everybody's things.
    pub whole: Tenants,
}

impl Scope {
    /// The things of a user within these tenants.
    pub fn own(user: Id<User>, tenants: impl IntoIterator<Item = Id<Tenant>>) -> Self {
        Self::within(user, tenants.into_iter().collect(), Tenants::new())
    }

    /// The things of a user within some tenants, and everybody's within others.
    pub fn within(user: Id<User>, own: Tenants, whole: Tenants) -> Self {
        Self::Within(Arc::new(Reach { user, own, whole }))
    }

    /// True if a thing of this owner is within the scope; `None` is the installation.
    pub fn covers(&self, owner: Option<Owner>) -> bool {
        match self {
            Self::Installation => true,
            Self::Within(reach) => owner.is_some_and(|owner| reach.covers(owner)),
        }
    }
}

impl Reach {
    /// True if a thing of this owner is within reach.
    pub fn covers(&self, owner: Owner) -> bool {
        self.whole.contains(&owner.tenant)
            || owner.is(self.user) && self.own.contains(&owner.tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Id<User> = Id::new(5);
    const SECOND: Id<Tenant> = Id::new(2);

    #[test]
    fn an_owner_in_the_first_tenant_is_a_number_in_events() {
        let owners = [
            (Owner::in_first_tenant(ADA), "5"),
            (Owner::new(SECOND, ADA), r#"{"tenant":2,"user":5}"#),
            (Owner::whole(SECOND), r#"{"tenant":2}"#),
            (Owner::whole(FIRST_TENANT), r#"{"tenant":1}"#),
        ];
        for (owner, text) in owners {
            assert_eq!(serde_json::to_string(&owner).unwrap(), text);
            assert_eq!(serde_json::from_str::<Owner>(text).unwrap(), owner);
        }
    }

    #[test]
    fn a_scope_covers_what_is_within_it() {
        let own = Scope::own(ADA, [FIRST_TENANT]);
        let mixed = Scope::within(ADA, [FIRST_TENANT].into(), [SECOND].into());
        let bob = Id::new(6);
        let cases = [
            (Some(Owner::in_first_tenant(ADA)), true, true),
            (Some(Owner::in_first_tenant(bob)), false, false),
            (Some(Owner::new(SECOND, ADA)), false, true),
            (Some(Owner::new(SECOND, bob)), false, true),
            (Some(Owner::whole(SECOND)), false, true),
            (Some(Owner::whole(FIRST_TENANT)), false, false),
            (None, false, false),
        ];
        for (owner, by_own, by_mixed) in cases {
            assert_eq!(own.covers(owner), by_own, "{owner:?}");
            assert_eq!(mixed.covers(owner), by_mixed, "{owner:?}");
            assert!(Scope::Installation.covers(owner));
        }
    }
}
