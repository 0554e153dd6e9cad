//! The errors of the event store.

use cqrs_es::persist::PersistenceError;
use thiserror::Error;

/// An error of the event store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another writer appended to the aggregate first, or a unique name became free meanwhile.
    #[error("the aggregate changed meanwhile")]
    Conflict,
    /// A unique name is held by another aggregate.
    #[error("{field} is already in use")]
    Taken {
        /// The field as clients write it.
        field: &'static str,
    },
    /// Another attempt at the same request has taken over: this one must not go on.
    #[error("another attempt at this request has taken over")]
    Superseded,
    /// The database could not be reached, or refused the statement.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A stored event could not be read.
    #[error("event {event_type} of {aggregate_type}/{aggregate_id}, sequence {sequence}: {reason}")]
    Unreadable {
        /// The type of its aggregate.
        aggregate_type: String,
        /// The id of its aggregate.
        aggregate_id: String,
        /// Its sequence in the aggregate.
        sequence: u64,
        /// The event's type.
        event_type: String,
        /// The decoder's message.
        reason: String,
    },
    /// Something could not be sealed or opened with the master key.
    #[error("{0}")]
    Vault(&'static str),
    /// The master key is not the one that the database was made with.
    #[error("this is not the master key that the database was made with")]
    OtherMasterKey,
    /// The log is being closed.
    #[error("the store is shutting down")]
    Closed,
}

impl From<PersistenceError> for StoreError {
    fn from(error: PersistenceError) -> Self {
        match error {
            PersistenceError::OptimisticLockError => Self::Conflict,
            PersistenceError::ConnectionError(error)
            | PersistenceError::DeserializationError(error)
            | PersistenceError::UnknownError(error) => match error.downcast::<sqlx::Error>() {
                Ok(error) => Self::Database(*error),
                Err(error) => Self::Database(sqlx::Error::Decode(error)),
            },
        }
    }
}

impl StoreError {
    /// True if the same request may succeed a little later (a transient error).
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict | Self::Superseded | Self::Closed => true,
            Self::Database(error) => !matches!(
                error,
                sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. }
            ),
            _ => false,
        }
    }
}
