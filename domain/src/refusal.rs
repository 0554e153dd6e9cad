//! Why an aggregate says no.

use thiserror::Error;

/// A decision's no, in the domain's own words. What it becomes on the wire is
/// decided in the API's one error file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// There is no such thing, or none any more.
    #[error("not found")]
    NotFound,
    /// The id is taken: a create met something that exists.
    #[error("already exists")]
    AlreadyExists,
    /// A field's value cannot be accepted.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field as clients write it.
        field: &'static str,
        /// A sentence for people.
        reason: String,
    },
    /// Someone else holds the name.
    #[error("{field} is already in use")]
    Taken {
        /// The field as clients write it.
        field: &'static str,
    },
    /// It cannot be done in the present state.
    #[error("{0}")]
    NotReady(String),
}

impl Refusal {
    /// A field's value cannot be accepted.
    pub fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }

    /// It cannot be done in the present state.
    pub fn not_ready(reason: impl Into<String>) -> Self {
        Self::NotReady(reason.into())
    }
}
