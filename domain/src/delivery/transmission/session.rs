//! Attempts as sessions: the reports of gateways while an attempt lasts and at its end, hang-ups,
//! and the billed amount.

use chrono::{DateTime, Utc};

use super::{
    Spool, Transmission, TransmissionError, TransmissionEvent,
    TransmissionEvent::{SpoolFailed, SpoolHangupRequested, TransmissionFailed},
    aggregate::AttemptState::{Accepted, Ended, Queued, Started, Withdrawn},
    decide::Decision,
};
use crate::{
    Id,
    delivery::{Outcome, Provider, ResultKind, SpoolResult},
    flow::Service,
};

/// The first word of the response to an attempt that was hung up.
const CANCELLED: &str = "CANCELLED";

/// The report of a gateway on an attempt that has ended.
#[derive(Clone, Debug)]
pub struct SpoolReport {
    /// The attempt.
    pub spool: Id<Spool>,
    /// The provider, if one was chosen; the attempt need not have started.
    pub provider: Option<Id<Provider>>,
    /// The time of the end.
    pub at: DateTime<Utc>,
    /// The time at which the remote side was reached, if it was.
    pub connected_at: Option<DateTime<Utc>>,
    /// The outcome.
    pub outcome: Outcome,
    /// The response of the remote side.
    pub response: String,
    /// The results that were not reported before.
    pub results: Vec<SpoolResult>,
    /// The number of parts of a short message; 0 for what has none.
    pub parts: u32,
}

/// The report of a gateway on an attempt that goes on.
#[derive(Clone, Debug)]
pub struct SpoolProgress {
    /// The attempt.
    pub spool: Id<Spool>,
    /// The time at which the remote side was reached, if it was.
    pub connected_at: Option<DateTime<Utc>>,
    /// The number of results that were reported before these.
    pub before: usize,
    /// The results since the last report.
    pub results: Vec<SpoolResult>,
}

impl Transmission {
    /// Records the connection and the results of an attempt that goes on. A report that is repeated
    /// adds nothing.
    pub(super) fn progressed(&self, progress: SpoolProgress) -> Decision {
        let attempt = self.attempt(progress.spool)?;
        match attempt.state {
            Queued => Err(TransmissionError::NotStarted),
            Accepted(_) | Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
            Started => {
                let known = attempt.results.saturating_sub(progress.before);
                let results = progress.results.into_iter().skip(known).collect();
                Ok(self.learned(progress.spool, progress.connected_at, results))
            }
        }
    }

    /// Asks for the end of a running attempt, or ends one that has not started. Nothing happens if
    /// that was asked before, or if the attempt is over.
    pub(super) fn hang_up(&self, spool: Id<Spool>, at: DateTime<Utc>) -> Decision {
        let attempt = self.attempt(spool)?;
        Ok(match attempt.state {
            Queued => self.cancelled(spool, at),
            Started if !attempt.hung_up => vec![SpoolHangupRequested { spool, at }],
            Started | Accepted(_) | Withdrawn | Ended(_) => Vec::new(),
        })
    }

    fn cancelled(&self, spool: Id<Spool>, at: DateTime<Utc>) -> Vec<TransmissionEvent> {
        let outcome = Outcome::Rejected;
        let mut events = self.recorded(spool, vec![cancelled_row()]);
        events.push(SpoolFailed {
            spool,
            at,
            provider: None,
            outcome,
            response: self.personal(format!("{CANCELLED} before it started")),
            amount: 0,
        });
        events.push(TransmissionFailed { at, outcome });
        events
    }

    /// The report on a failed attempt, which says so if the attempt was hung up.
    pub(super) fn marked(&self, mut report: SpoolReport) -> SpoolReport {
        if self.is_hung_up(report.spool) {
            report.results.push(cancelled_row());
            report.response = format!("{CANCELLED} {}", report.response);
        }
        report
    }

    /// True if a hang-up of the attempt was asked for.
    pub(super) fn is_hung_up(&self, spool: Id<Spool>) -> bool {
        self.attempt(spool).is_ok_and(|attempt| attempt.hung_up)
    }

    /// The billed amount of an attempt: the seconds of a call or fax from its connection to its end,
    /// each that began; the parts of a short message that was accepted; nothing for a mail.
    pub(super) fn amount(&self, report: &SpoolReport) -> u32 {
        let Ok(attempt) = self.attempt(report.spool) else {
            return 0;
        };
        match self.order.as_ref().map(|order| order.service) {
            Some(Service::Voice | Service::Fax) => {
                let connected_at = attempt.connected_at.or(report.connected_at);
                connected_at.map_or(0, |from| seconds(from, report.at))
            }
            Some(Service::Sms) if report.outcome == Outcome::Delivered => {
                attempt.parts.max(report.parts)
            }
            Some(Service::Sms) => attempt.parts,
            Some(Service::Email) | None => 0,
        }
    }
}

fn cancelled_row() -> SpoolResult {
    SpoolResult::new(ResultKind::Error, "outcome", "cancelled")
}

/// The seconds from one moment to another, each that began.
fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> u32 {
    let milliseconds = (to - from).num_milliseconds().max(0);
    u32::try_from(milliseconds.unsigned_abs().div_ceil(1_000)).unwrap_or(u32::MAX)
}
