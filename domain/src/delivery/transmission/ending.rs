//! The end of an attempt: its report, the loss of its outcome, its bounce, and the decision on a
//! retry.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Retry, Spool, SpoolReport, Transmission, TransmissionError, TransmissionEvent,
    TransmissionEvent::{
        ResultRecorded, RetryScheduled, SpoolCompleted, SpoolConnected, SpoolFailed,
        SpoolOutcomeUnknown, SpoolQueued, SpoolResolved, TransmissionCompleted, TransmissionFailed,
        TransmissionSuppressed,
    },
    aggregate::{
        Attempt, AttemptState,
        Stage::{Completed, Failed},
    },
    decide::Decision,
};
use crate::{
    Id,
    delivery::{Outcome, Provider, ResultKind, SpoolResult},
};

use AttemptState::{Accepted, Ended, Queued, Started};

/// The longest pause between two attempts.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

impl Transmission {
    pub(super) fn report(&self, report: SpoolReport, retry: Option<Retry>) -> Decision {
        let state = self.attempt(report.spool)?.state;
        match (state, report.outcome) {
            (Ended(Outcome::Unknown), Outcome::Unknown) => Ok(vec![]),
            (Ended(Outcome::Unknown), outcome) => {
                Ok(self.settled(report.spool, report.at, outcome, report.response))
            }
            (AttemptState::Withdrawn | Ended(_), _) => Err(TransmissionError::AlreadyEnded),
            (Queued, Outcome::Delivered | Outcome::Unknown) => Err(TransmissionError::NotStarted),
            (Started | Accepted(_), Outcome::Delivered) => Ok(self.delivered(report)),
            (Started | Accepted(_), Outcome::Unknown) => Ok(self.unknown(report)),
            (Queued | Started | Accepted(_), _) => Ok(self.failed(report, retry)),
        }
    }

    pub(super) fn delivered(&self, report: SpoolReport) -> Vec<TransmissionEvent> {
        let (spool, at) = (report.spool, report.at);
        let amount = self.amount(&report);
        let mut events = self.learned(spool, report.connected_at, report.results);
        events.push(SpoolCompleted {
            spool,
            at,
            response: self.personal(report.response),
            amount,
        });
        events.push(TransmissionCompleted { at });
        events
    }

    fn failed(&self, report: SpoolReport, retry: Option<Retry>) -> Vec<TransmissionEvent> {
        let (spool, at, outcome) = (report.spool, report.at, report.outcome);
        let (provider, amount) = (report.provider, self.amount(&report));
        let retry = retry.filter(|_| !self.is_hung_up(spool) && !self.is_inbound());
        let report = self.marked(report);
        let mut events = self.learned(spool, report.connected_at, report.results);
        events.push(SpoolFailed {
            spool,
            at,
            provider,
            outcome,
            response: self.personal(report.response),
            amount,
        });
        match retry.and_then(|retry| self.next_attempt((spool, provider), at, outcome, retry)) {
            Some(next) => events.extend(next),
            None => events.push(TransmissionFailed { at, outcome }),
        }
        events
    }

    pub(super) fn learned(
        &self,
        spool: Id<Spool>,
        connected_at: Option<DateTime<Utc>>,
        results: Vec<SpoolResult>,
    ) -> Vec<TransmissionEvent> {
        let mut events = Vec::with_capacity(4);
        let is_known = |attempt: &Attempt| attempt.connected_at.is_some();
        let connected_at = connected_at.filter(|_| !self.attempt(spool).is_ok_and(is_known));
        events.extend(connected_at.map(|at| SpoolConnected {
            spool,
            at,
            awaited: None,
        }));
        events.extend(self.recorded(spool, results));
        events
    }

    /// The rows, in as many events as they need.
    pub(super) fn recorded(
        &self,
        spool: Id<Spool>,
        mut results: Vec<SpoolResult>,
    ) -> Vec<TransmissionEvent> {
        let mut events = Vec::new();
        while !results.is_empty() {
            let most = results.len().min(usize::from(SpoolResult::MOST_IN_EVENT));
            let rest = results.split_off(most);
            let results = self.personal(std::mem::replace(&mut results, rest));
            events.push(ResultRecorded { spool, results });
        }
        events
    }

    fn unknown(&self, report: SpoolReport) -> Vec<TransmissionEvent> {
        let (spool, at, amount) = (report.spool, report.at, self.amount(&report));
        let mut events = self.learned(spool, report.connected_at, report.results);
        events.extend(self.doubtful((spool, at, amount), &report.response));
        events
    }

    /// The events of an attempt that was started or accepted, and never reported.
    pub(super) fn lost(
        &self,
        spool: Id<Spool>,
        at: DateTime<Utc>,
        reason: &str,
    ) -> Vec<TransmissionEvent> {
        // The end of a call is not known, and so neither are its seconds.
        let amount = self.attempt(spool).map_or(0, |attempt| attempt.parts);
        self.doubtful((spool, at, amount), reason)
    }

    fn doubtful(
        &self,
        (spool, at, amount): (Id<Spool>, DateTime<Utc>, u32),
        reason: &str,
    ) -> Vec<TransmissionEvent> {
        let row = SpoolResult::new(ResultKind::Error, "outcome", "unknown");
        let mut events = self.recorded(spool, vec![row]);
        events.push(SpoolOutcomeUnknown {
            spool,
            at,
            response: self.personal(format!("OUTCOME_UNKNOWN {reason}")),
            amount,
        });
        events.push(TransmissionFailed {
            at,
            outcome: Outcome::Unknown,
        });
        events
    }

    pub(super) fn expired(
        &self,
        spool: Id<Spool>,
        at: DateTime<Utc>,
        reason: String,
    ) -> Vec<TransmissionEvent> {
        let outcome = Outcome::Unavailable;
        let sending = self.sending.as_ref();
        let last_answer = sending.and_then(|sending| sending.last_answer.as_ref()?.get());
        // The response shows why the earlier attempt failed, which explains the expiry.
        let response = self.personal(match last_answer {
            Some(answer) => format!("{reason}; the attempt before it: {answer}"),
            None => reason,
        });
        vec![
            SpoolFailed {
                spool,
                at,
                provider: None,
                outcome,
                response,
                amount: 0,
            },
            TransmissionFailed { at, outcome },
        ]
    }

    pub(super) fn suppressed(
        &self,
        spool: Id<Spool>,
        at: DateTime<Utc>,
        reason: String,
    ) -> Vec<TransmissionEvent> {
        let failed = SpoolFailed {
            spool,
            at,
            outcome: Outcome::Rejected,
            response: self.personal(format!("SUPPRESSED {reason}")),
            provider: None,
            amount: 0,
        };
        vec![failed, TransmissionSuppressed { at, reason }]
    }

    /// The events of a bounce: a remote side accepted the message, and a later hop rejected it.
    pub(super) fn bounced(
        &self,
        spool: Id<Spool>,
        at: DateTime<Utc>,
        response: String,
    ) -> Decision {
        let outcome = Outcome::Rejected;
        match self.attempt(spool)?.state {
            Queued => Err(TransmissionError::NotStarted),
            Ended(Outcome::Rejected) => Ok(vec![]),
            Ended(Outcome::Delivered | Outcome::Unknown) => {
                Ok(self.settled(spool, at, outcome, response))
            }
            // The bounce overtook the response to the attempt.
            Started | Accepted(_) => {
                let report = SpoolReport {
                    spool,
                    provider: None,
                    at,
                    connected_at: None,
                    outcome,
                    response,
                    results: Vec::new(),
                    parts: 0,
                };
                Ok(self.failed(report, None))
            }
            AttemptState::Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
        }
    }

    /// The events of an attempt whose outcome becomes known or changes. The transmission takes on
    /// that outcome only if there is no newer attempt.
    pub(super) fn settled(
        &self,
        spool: Id<Spool>,
        at: DateTime<Utc>,
        outcome: Outcome,
        response: String,
    ) -> Vec<TransmissionEvent> {
        let response = self.personal(response);
        let mut events = vec![SpoolResolved {
            spool,
            at,
            outcome,
            response,
        }];
        if self.is_last(spool) && matches!(self.stage, Completed | Failed) {
            events.push(match outcome {
                Outcome::Delivered => TransmissionCompleted { at },
                outcome => TransmissionFailed { at, outcome },
            });
        }
        events
    }

    /// The events of a further attempt, if the outcome and the limits allow one.
    fn next_attempt(
        &self,
        (failed, by): (Id<Spool>, Option<Id<Provider>>),
        at: DateTime<Utc>,
        outcome: Outcome,
        retry: Retry,
    ) -> Option<[TransmissionEvent; 2]> {
        let sending = self.sending.as_ref()?;
        let earlier = self.spools.get(sending.before..)?;
        let ended_so = |attempt: &&Attempt| attempt.state == Ended(outcome);
        let so_far = earlier.iter().filter(ended_so).count() + 1;
        match outcome {
            Outcome::Unanswered => {
                let allowed = self.order.as_ref()?.try_allowed;
                if so_far >= usize::try_from(allowed).unwrap_or(usize::MAX) {
                    return None;
                }
            }
            Outcome::Unavailable => {}
            Outcome::Delivered | Outcome::Rejected | Outcome::Unknown => return None,
        }
        let due_at = match outcome {
            Outcome::Unavailable if retry.elsewhere => at,
            _ => at + pause(so_far, retry),
        };
        // Whoever does not answer is tried as often as allowed, however long that takes.
        let deadline = match outcome {
            Outcome::Unanswered => due_at + TimeDelta::milliseconds(sending.window),
            _ => sending.deadline,
        };
        let deadline = deadline.max(sending.deadline);
        if due_at >= deadline {
            return None;
        }
        let tried = earlier
            .iter()
            .filter(|attempt| attempt.id == failed || attempt.state == Ended(Outcome::Unavailable));
        let mut avoid: Vec<_> = match outcome {
            // The provider of an attempt that failed before it started is known only from the
            // report.
            Outcome::Unavailable => tried.filter_map(|it| it.provider).chain(by).collect(),
            _ => Vec::new(),
        };
        avoid.sort();
        avoid.dedup();
        let spool = retry.spool;
        Some([
            RetryScheduled { spool, at, due_at },
            SpoolQueued {
                spool,
                attempt: self.number_of_next(),
                at,
                due_at,
                deadline,
                flow: sending.flow.clone(),
                program_version: sending.program_version,
                account_id: sending.account_id,
                destination: sending.destination.clone(),
                avoid,
                owner: self.owner,
                campaign: self.campaign(),
            },
        ])
    }
}

/// The pause before a retry: exponential backoff with jitter, which shortens it to between half and
/// the whole of its length.
fn pause(so_far: usize, retry: Retry) -> TimeDelta {
    let doublings = u32::try_from(so_far.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .min(16);
    let seconds = f64::from(retry.base_seconds) * f64::from(1_u32 << doublings);
    let longest = LONGEST_PAUSE.num_seconds() as f64;
    let seconds = seconds.min(longest) * (0.5 + retry.jitter.clamp(0.0, 1.0) / 2.0);
    TimeDelta::milliseconds((seconds * 1000.0) as i64)
}
