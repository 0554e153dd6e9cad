//! The trait that the event store and the command bus require of every aggregate, beyond that of
//! cqrs-es.

use cqrs_es::Aggregate;

use crate::{Event, Id, Owner, Subject, access::User};

/// A unique name or key, a username for instance, which one aggregate at most may hold. A deleted
/// aggregate may keep its claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// The field of the name, as clients write it.
    pub field: &'static str,
    /// The set within which the name is unique, `user.login` for instance.
    pub scope: &'static str,
    /// The name, normalised to the form in which names are compared.
    pub value: String,
}

/// An aggregate of Ledgerline: it may have an owner, unique names, and data to erase.
pub trait Entity: Aggregate<Services = (), Event: Into<Event>> + Clone + 'static {
    /// True if the aggregate exists: created and not deleted.
    fn exists(&self) -> bool;

    /// The owner; `None` if the aggregate belongs to the installation.
    fn owner(&self) -> Option<Owner> {
        None
    }

    /// The user who owns the aggregate; `None` if it belongs to a tenant or to the installation.
    fn owning_user(&self) -> Option<Id<User>> {
        self.owner()?.user
    }

    /// The unique names that the aggregate holds in its present state. The store claims and
    /// releases the difference in the transaction of the append.
    fn claims(&self) -> Vec<Claim> {
        Vec::new()
    }

    /// The subject whose key the append that led to this state destroys (crypto-shredding).
    fn erased(&self) -> Option<Subject> {
        None
    }
}
