//! What can go wrong with the log.

use thiserror::Error;

/// What can go wrong with the log.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Someone else appended to the aggregate first.
    #[error("the aggregate changed meanwhile")]
    Conflict,
    /// A unique name is held by someone else.
    #[error("{field} is already in use")]
    Taken {
        /// The field as clients write it.
        field: &'static str,
    },
    /// Another attempt at the same request has taken over: this one must not go on.
    #[error("another attempt at this request has taken over")]
    Superseded,
    /// The database could not be reached or refused.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A stored event could not be read.
    #[error("event {event_type} of {aggregate_type}/{aggregate_id}, sequence {sequence}: {reason}")]
    Unreadable {
        /// Of which type.
        aggregate_type: String,
        /// Of which aggregate.
        aggregate_id: String,
        /// Which one.
        sequence: u64,
        /// Its type.
        event_type: String,
        /// What the reader said.
        reason: String,
    },
    /// Something could not be sealed or opened with the master key.
    #[error("{0}")]
    Vault(&'static str),
    /// The log is being closed.
    #[error("the store is shutting down")]
    Closed,
}

impl StoreError {
    /// Whether the same request may succeed a little later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Conflict | Self::Superseded | Self::Database(_) | Self::Closed
        )
    }
}
