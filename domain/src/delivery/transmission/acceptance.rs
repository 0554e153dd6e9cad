//! Accepted attempts: the time between the acceptance by the remote side and its delivery report,
//! which may never come.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Spool, SpoolReport, Transmission, TransmissionError,
    TransmissionEvent::SpoolConnected,
    aggregate::AttemptState::{Accepted, Ended, Queued, Started, Withdrawn},
    decide::Decision,
};
use crate::{
    Id,
    delivery::{Outcome, Provider, SpoolResult},
};

/// The outcome of an accepted attempt without a delivery report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnReportTimeout {
    /// The outcome is unknown.
    #[default]
    Unknown,
    /// The acceptance counts as delivery.
    Delivered,
}

/// A delivery report that is awaited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Awaited {
    /// The provider that is to report.
    pub provider: Id<Provider>,
    /// The provider's id of the message, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The time at which the report is overdue and no longer awaited.
    pub until: DateTime<Utc>,
    /// The outcome without a report.
    pub if_silent: OnReportTimeout,
    /// The number of parts that were accepted; 0 in older events.
    #[serde(default)]
    pub parts: u32,
}

/// The acceptance of an attempt by the remote side.
#[derive(Clone, Debug)]
pub struct Acceptance {
    /// The attempt.
    pub spool: Id<Spool>,
    /// The time of acceptance.
    pub at: DateTime<Utc>,
    /// The report that is awaited.
    pub awaited: Awaited,
    /// The results so far.
    pub results: Vec<SpoolResult>,
}

impl Transmission {
    /// Records the acceptance of a started attempt and its results. A repeated acceptance adds
    /// nothing. A report may overtake the response that it belongs to: the attempt has ended then,
    /// and the acceptance is refused.
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
                events.extend(self.recorded(spool, results));
                Ok(events)
            }
        }
    }

    pub(super) fn time_out_report(&self, spool: Id<Spool>, at: DateTime<Utc>) -> Decision {
        match self.attempt(spool)?.state {
            Queued | Started => Err(TransmissionError::NotAccepted),
            Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
            Accepted(OnReportTimeout::Unknown) => {
                let reason = "it was taken, and no report came";
                Ok(self.lost(spool, at, reason))
            }
            Accepted(OnReportTimeout::Delivered) => Ok(self.delivered(SpoolReport {
                spool,
                provider: None,
                at,
                connected_at: None,
                outcome: Outcome::Delivered,
                response: "it was taken, and no report came".to_owned(),
                results: Vec::new(),
                parts: 0,
            })),
        }
    }
}
