//! An aggregate as it is loaded.

use domain::Entity;

use crate::{Before, Cause};

/// An aggregate and the version of its history.
#[derive(Clone, Debug, Default)]
pub struct Loaded<A> {
    /// The aggregate's state.
    pub aggregate: A,
    /// The aggregate's sequence; 0 if it never existed.
    pub version: u64,
    /// Its last event, as a cause of further ones.
    pub last: Option<Cause>,
}

impl<A: Entity> Loaded<A> {
    /// The facts about the aggregate that an append of further events needs.
    pub fn before(&self) -> Before {
        Before {
            version: self.version,
            claims: self.aggregate.claims(),
            cause: self.last.clone(),
        }
    }
}
