//! Typed ids.

use std::{fmt, hash::Hash, hash::Hasher, marker::PhantomData, num::ParseIntError, str::FromStr};

use cqrs_es::Aggregate;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Subject;

/// The id of an aggregate `A`: an integer, counted per aggregate type from 1, with gaps allowed.
pub struct Id<A>(i64, PhantomData<fn() -> A>);

impl<A> Id<A> {
    /// Wraps an id that came from the id allocator or from storage.
    pub const fn new(value: i64) -> Self {
        Self(value, PhantomData)
    }

    /// The plain number, for SQL and for JSON.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<A: Aggregate> Id<A> {
    /// The subject of the personal data of this aggregate.
    pub fn subject(self) -> Subject {
        Subject::new(A::TYPE, self.0)
    }
}

impl<A> Clone for Id<A> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<A> Copy for Id<A> {}
impl<A> PartialEq for Id<A> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<A> Eq for Id<A> {}
impl<A> PartialOrd for Id<A> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<A> Ord for Id<A> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<A> Hash for Id<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<A> fmt::Debug for Id<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
impl<A> fmt::Display for Id<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<A> FromStr for Id<A> {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::new)
    }
}
impl<A> Serialize for Id<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de, A> Deserialize<'de> for Id<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self::new)
    }
}
