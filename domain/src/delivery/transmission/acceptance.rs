//! Between the remote side's yes and its report: an attempt that was taken, and whose end
//! somebody else will tell, or nobody.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Spool, SpoolReport, Transmission, TransmissionError,
    TransmissionEvent::{ResultRecorded, SpoolConnected},
    aggregate::AttemptState::{Accepted, Ended, Queued, Started, Withdrawn},
    decide::Decision,
};
use crate::{
    Id,
    delivery::{Outcome, Provider, SpoolResult},
};

/// What an attempt comes to that was taken and never reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IfSilent {
    /// Nobody can tell.
    #[default]
    Unknown,
    /// It was taken, and that is enough.
    Delivered,
}

/// A report that is to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// Whose report it is.
    pub provider: Id<Provider>,
    /// What the provider calls the message, where it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// When it is late enough to be given up.
    pub until: DateTime<Utc>,
    /// What holds without it.
    pub if_silent: IfSilent,
}

/// That the remote side took an attempt.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// The attempt.
    pub spool: Id<Spool>,
    /// When it was taken.
    pub at: DateTime<Utc>,
    /// The report that is to come.
    pub awaited: Awaited,
    /// What was learned.
    pub results: Vec<SpoolResult>,
}

impl Transmission {
    /// A report may come before the answer that it is of; the answer then says nothing new.
    pub(super) fn accept(&self, acceptance: Acceptance) -> Decision {
        let Acceptance {
            spool,
            at,
            awaited,
            results,
        } = acceptance;
        match self.attempt(spool)?.state {
            Queued => Err(TransmissionError::NotStarted),
            Accepted(_) => Ok(vec![]),
            Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
            Started => {
                let mut events = vec![SpoolConnected {
                    spool,
                    at,
                    awaited: Some(awaited),
                }];
                if !results.is_empty() {
                    let results = self.personal(results);
                    events.push(ResultRecorded { spool, results });
                }
                Ok(events)
            }
        }
    }

    pub(super) fn silence(&self, spool: Id<Spool>, at: DateTime<Utc>) -> Decision {
        match self.attempt(spool)?.state {
            Queued | Started => Err(TransmissionError::NotAccepted),
            Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
            Accepted(IfSilent::Unknown) => {
                let reason = "it was taken, and no report came";
                Ok(self.lost(spool, at, reason, Vec::new()))
            }
            Accepted(IfSilent::Delivered) => Ok(self.delivered(SpoolReport {
                spool,
                provider: None,
                at,
                connected_at: None,
                outcome: Outcome::Delivered,
                response: "it was taken, and no report came".to_owned(),
                results: Vec::new(),
            })),
        }
    }
}
