//! Errors of commands.

use domain::Refusal;
use eventstore::StoreError;
use thiserror::Error;

/// The reason for which a command was not carried out. Nothing was written in any of these
/// cases, except that [`CommandError::Store`] may leave it open.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The aggregate refused the command.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Other writers changed the aggregate before each attempt; a retry may help.
    #[error("too many writers at once")]
    Contended,
    /// The read models that the decision rests on are behind the log; a retry may help.
    #[error("the read models are behind")]
    Behind,
    /// The aggregate has another version than the caller expected.
    #[error("the version is {actual} now")]
    Stale {
        /// The present version of the aggregate.
        actual: u64,
    },
    /// The log could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
