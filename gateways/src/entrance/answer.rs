//! The answer to the remote side, decided by what is on record; each protocol has its own words
//! for it.

use commands::receiving::{IngestResult, NotReceived};
use domain::{Id, delivery::Transmission};

/// The reason for a retry that no rule of the protocol asks for.
pub const TRY_LATER: &str = "try again later";

/// The answer to an inbound item. The remote side keeps what is not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundAnswer {
    /// It is on record: as this new transmission, or from before or as a part of something.
    Ack(Option<Id<Transmission>>),
    /// It cannot be recorded now, for this reason; the remote side is to send it again.
    Retry(&'static str),
    /// It is refused for good.
    Reject(Rejection),
}

/// The reason for which an inbound item is refused for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing is received at the destination.
    NobodyThere(&'static str),
    /// The destination exists, and does not take this.
    NotSupported(&'static str),
    /// No attempt waits for the report.
    NotAwaited(&'static str),
}

impl InboundAnswer {
    /// True if the item is on record.
    pub const fn is_ack(self) -> bool {
        matches!(self, Self::Ack(_))
    }
}

impl Rejection {
    /// The reason in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NobodyThere(reason) | Self::NotSupported(reason) | Self::NotAwaited(reason) => {
                reason
            }
        }
    }
}

impl From<IngestResult> for InboundAnswer {
    fn from(result: IngestResult) -> Self {
        match result {
            IngestResult::Taken(id) => Self::Ack(Some(id)),
            IngestResult::Known => Self::Ack(None),
            IngestResult::Refused(reason) => reason.into(),
        }
    }
}

impl From<NotReceived> for InboundAnswer {
    fn from(reason: NotReceived) -> Self {
        let words = reason.as_str();
        Self::Reject(match reason {
            NotReceived::NoAccount | NotReceived::NoProgram => Rejection::NobodyThere(words),
            NotReceived::NoFaxes | NotReceived::NoForwarding => Rejection::NotSupported(words),
        })
    }
}
