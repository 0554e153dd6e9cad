//! The reasons for which an aggregate rejects a command.

use thiserror::Error;

/// The rejection of a command, in the domain's terms. The API's one error file maps it to an HTTP
/// status.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The aggregate or the named part of it does not exist, or was deleted.
    #[error("not found")]
    NotFound,
    /// The id is in use: a create command for an aggregate that exists or existed.
    #[error("already exists")]
    AlreadyExists,
    /// A field has an invalid value.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field as clients write it.
        field: &'static str,
        /// The reason, as a text for people.
        reason: String,
    },
    /// Another aggregate holds the claim on the name or address.
    #[error("{field} is already in use")]
    Taken {
        /// The field as clients write it.
        field: &'static str,
    },
    /// The command is not possible in the present state.
    #[error("{0}")]
    NotReady(String),
}

impl Refusal {
    /// A refusal of a field's value.
    pub fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }

    /// A refusal of a command that the present state does not allow.
    pub fn not_ready(reason: impl Into<String>) -> Self {
        Self::NotReady(reason.into())
    }
}
