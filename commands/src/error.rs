//! Why a command did not happen.

use domain::Refusal;
use eventstore::StoreError;
use thiserror::Error;

/// Why a command did not happen. Nothing was written in any of these cases,
/// except that [`CommandError::Store`] may leave it open.
#[derive(Debug, Error)]
pub enum CommandError {
    /// The aggregate said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Others changed the aggregate each time; trying again may help.
    #[error("too many writers at once")]
    Contended,
    /// The read models that the decision rests on are behind the log; trying again may help.
    #[error("the read models are behind")]
    Behind,
    /// The caller expected another version.
    #[error("the version is {actual} now")]
    Stale {
        /// The aggregate's sequence.
        actual: u64,
    },
    /// The log could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}
