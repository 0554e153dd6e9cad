//! What the store and the bus ask of every aggregate beyond cqrs-es' own trait.

use cqrs_es::Aggregate;

use crate::{Event, Id, Subject, access::User};

/// A name that only one live aggregate may hold, for instance a username.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// What kind of name, as clients call the field.
    pub field: &'static str,
    /// Within which set it is unique, `user.username` for instance.
    pub scope: &'static str,
    /// The name, already folded to the form in which it is compared.
    pub value: String,
}

/// An aggregate of Ledgerline: owned by a user, holding unique names, erasable.
pub trait Entity: Aggregate<Services = (), Event: Into<Event>> + Clone + 'static {
    /// Whether it exists now: not before its creation, not after its deletion.
    fn exists(&self) -> bool;

    /// Whose it is; nobody's if it belongs to the installation.
    fn owner(&self) -> Option<Id<User>> {
        None
    }

    /// The unique names that it holds in its present state. The store claims and
    /// releases the difference in the transaction of the append.
    fn claims(&self) -> Vec<Claim> {
        Vec::new()
    }

    /// The subject whose key is to be destroyed with the append that led here.
    fn erased(&self) -> Option<Subject> {
        None
    }
}
