//! A transmission's rules.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    OrderPatch, Retry, Spool, SpoolReport, Transmission, TransmissionCommand, TransmissionError,
    TransmissionEvent,
    TransmissionEvent::{
        ResultRecorded, RetryScheduled, SpoolCompleted, SpoolConnected, SpoolFailed,
        SpoolOutcomeUnknown, SpoolQueued, SpoolResolved, SpoolStarted, SpoolWithdrawn,
        TransmissionCompleted, TransmissionCreated, TransmissionDeleted, TransmissionFailed,
        TransmissionSuppressed, TransmissionUpdated,
    },
    aggregate::{Attempt, AttemptState, Stage},
};
use crate::{
    Id, Personal, Refusal, Subject,
    delivery::{Campaign, Outcome, Provider, ResultKind, SpoolResult},
};

use AttemptState::{Ended, Queued, Started};
use Stage::{Absent, Completed, Deleted, Failed, Pending, Processing, Withdrawn};

type Decision = Result<Vec<TransmissionEvent>, TransmissionError>;

/// The longest pause between two attempts.
const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(1);

impl Transmission {
    pub(super) fn decide(&self, command: TransmissionCommand) -> Decision {
        use TransmissionCommand::{
            Create, Delete, Expire, LoseTrack, Report, Resolve, Send, Start, Suppress, Update,
            Withdraw,
        };
        match (self.stage, command) {
            (Absent, Create { id, owner, order }) => {
                Ok(vec![TransmissionCreated { id, owner, order }])
            }
            (_, Create { .. }) => Err(Refusal::AlreadyExists.into()),
            (Absent | Deleted, _) => Err(Refusal::NotFound.into()),

            (Pending | Withdrawn, Update(patch)) => Ok(self.updated(*patch)),
            (Processing, Update(_)) => Err(not_ready("it is being sent")),
            (Completed, Update(_)) => Err(not_ready("it is completed")),
            (Failed, Update(_)) => Err(not_ready("it has been sent")),

            (Pending | Withdrawn, Send { again: true, .. }) => {
                Err(not_ready("it has not been sent yet"))
            }
            (Processing, Send { .. }) => Err(not_ready("it is being sent")),
            (Completed, Send { .. }) => Err(not_ready("it is completed")),
            (Failed, Send { force: false, .. }) if self.last_is_unknown() => Err(not_ready(
                "OUTCOME_UNKNOWN: the last attempt may have arrived; \
                 resolve it, or send with force",
            )),
            (Pending | Withdrawn | Failed, send @ Send { .. }) => Ok(self.send(send)),

            (
                _,
                Start {
                    spool,
                    claim,
                    provider,
                    worker,
                    at,
                },
            ) => match self.attempt(spool)?.state {
                Queued => Ok(vec![SpoolStarted {
                    spool,
                    at,
                    claim,
                    provider,
                    worker,
                    campaign: self.campaign(),
                }]),
                Started => Err(TransmissionError::AlreadyStarted),
                AttemptState::Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
            },
            (_, Report { report, retry }) => self.report(report, retry),
            (_, LoseTrack { spool, at, reason }) => match self.attempt(spool)?.state {
                Queued => Err(TransmissionError::NotStarted),
                Started => Ok(self.lost(spool, at, &reason, Vec::new())),
                AttemptState::Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
            },
            (_, Expire { spool, at, reason }) => match self.attempt(spool)?.state {
                Queued => Ok(self.expired(spool, at, reason)),
                Started => Err(TransmissionError::AlreadyStarted),
                AttemptState::Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
            },
            (
                Pending | Withdrawn,
                Suppress {
                    spool: None,
                    at,
                    reason,
                },
            ) => Ok(vec![TransmissionSuppressed { at, reason }]),
            (_, Suppress { spool: None, .. }) => Err(not_ready("it has been sent")),
            (
                _,
                Suppress {
                    spool: Some(spool),
                    at,
                    reason,
                },
            ) => match self.attempt(spool)?.state {
                Queued => Ok(self.suppressed(spool, at, reason)),
                Started => Err(TransmissionError::AlreadyStarted),
                AttemptState::Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
            },
            (_, Withdraw { spool, at, reason }) => match self.attempt(spool)?.state {
                Queued => Ok(vec![SpoolWithdrawn {
                    spool,
                    attempt: self.attempts(),
                    at,
                    reason,
                    open_at: self.order.as_ref().map_or(at, |order| order.opens(at)),
                }]),
                Started => Err(TransmissionError::AlreadyStarted),
                AttemptState::Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
            },
            (
                _,
                Resolve {
                    spool,
                    at,
                    delivered,
                },
            ) => match self.attempt(spool)?.state {
                Ended(Outcome::Unknown) => {
                    let outcome = if delivered {
                        Outcome::Delivered
                    } else {
                        Outcome::Rejected
                    };
                    Ok(self.settled(spool, at, outcome, "settled by a person".to_owned()))
                }
                _ => Err(not_ready("its outcome is not unknown")),
            },
            (Processing, Delete) => Err(not_ready("it is being sent")),
            (Pending | Withdrawn | Completed | Failed, Delete) => Ok(vec![TransmissionDeleted {}]),
        }
    }

    fn updated(&self, patch: OrderPatch) -> Vec<TransmissionEvent> {
        let Some(order) = &self.order else {
            return Vec::new();
        };
        let wanted = patch.applied_to(order);
        match wanted == *order {
            true => Vec::new(),
            false => vec![TransmissionUpdated { order: wanted }],
        }
    }

    fn attempt(&self, spool: Id<Spool>) -> Result<&Attempt, TransmissionError> {
        let mut spools = self.spools.iter().rev();
        let found = spools.find(|attempt| attempt.id == spool);
        found.ok_or(TransmissionError::NoSuchSpool)
    }

    fn is_last(&self, spool: Id<Spool>) -> bool {
        self.spools.last().is_some_and(|last| last.id == spool)
    }

    fn last_is_unknown(&self) -> bool {
        let last = self.spools.last();
        last.is_some_and(|attempt| attempt.state == Ended(Outcome::Unknown))
    }

    /// The remote side's words belong to the person they are about.
    fn personal<T>(&self, value: T) -> Personal<T> {
        let contact = self.order.as_ref().map(|order| order.contact_id.subject());
        Personal::of(contact.unwrap_or_else(|| Subject::new("contact", 0)), value)
    }

    fn send(&self, command: TransmissionCommand) -> Vec<TransmissionEvent> {
        let TransmissionCommand::Send {
            spool,
            at,
            deadline,
            flow,
            program_version,
            account_id,
            destination,
            paced,
            ..
        } = command
        else {
            return Vec::new();
        };
        let order = self.order.as_ref();
        vec![SpoolQueued {
            spool,
            attempt: self.number_of_next(),
            at,
            due_at: at,
            deadline,
            flow,
            program_version,
            account_id,
            destination,
            avoid: Vec::new(),
            owner: self.owner,
            campaign: order.and_then(|order| order.campaign_id).filter(|_| paced),
        }]
    }

    /// How many there have been; what was withdrawn was none.
    fn attempts(&self) -> u32 {
        let attempts = self.spools.iter();
        let attempts = attempts.filter(|it| it.state != AttemptState::Withdrawn);
        u32::try_from(attempts.count()).unwrap_or(u32::MAX)
    }

    fn number_of_next(&self) -> u32 {
        self.attempts().saturating_add(1)
    }

    /// The campaign at whose pace the present round goes.
    fn campaign(&self) -> Option<Id<Campaign>> {
        self.sending.as_ref().and_then(|sending| sending.campaign)
    }

    fn report(&self, report: SpoolReport, retry: Option<Retry>) -> Decision {
        let state = self.attempt(report.spool)?.state;
        match (state, report.outcome) {
            (Ended(Outcome::Unknown), Outcome::Unknown) => Ok(vec![]),
            (Ended(Outcome::Unknown), outcome) => {
                Ok(self.settled(report.spool, report.at, outcome, report.response))
            }
            (AttemptState::Withdrawn | Ended(_), _) => Err(TransmissionError::AlreadyEnded),
            (Queued, Outcome::Delivered | Outcome::Unknown) => Err(TransmissionError::NotStarted),
            (Started, Outcome::Delivered) => Ok(self.delivered(report)),
            (Started, Outcome::Unknown) => {
                let SpoolReport {
                    spool,
                    at,
                    response,
                    results,
                    ..
                } = report;
                Ok(self.lost(spool, at, &response, results))
            }
            (Queued | Started, _) => Ok(self.failed(report, retry)),
        }
    }

    fn delivered(&self, report: SpoolReport) -> Vec<TransmissionEvent> {
        let (spool, at) = (report.spool, report.at);
        let mut events = self.learned(spool, report.connected_at, report.results);
        events.push(SpoolCompleted {
            spool,
            at,
            response: self.personal(report.response),
        });
        events.push(TransmissionCompleted { at });
        events
    }

    fn failed(&self, report: SpoolReport, retry: Option<Retry>) -> Vec<TransmissionEvent> {
        let (spool, at, outcome) = (report.spool, report.at, report.outcome);
        let provider = report.provider;
        let mut events = self.learned(spool, report.connected_at, report.results);
        events.push(SpoolFailed {
            spool,
            at,
            provider,
            outcome,
            response: self.personal(report.response),
        });
        match retry.and_then(|retry| self.next_attempt((spool, provider), at, outcome, retry)) {
            Some(next) => events.extend(next),
            None => events.push(TransmissionFailed { at, outcome }),
        }
        events
    }

    fn learned(
        &self,
        spool: Id<Spool>,
        connected_at: Option<DateTime<Utc>>,
        results: Vec<SpoolResult>,
    ) -> Vec<TransmissionEvent> {
        let mut events = Vec::with_capacity(4);
        events.extend(connected_at.map(|at| SpoolConnected { spool, at }));
        if !results.is_empty() {
            events.push(ResultRecorded {
                spool,
                results: self.personal(results),
            });
        }
        events
    }

    fn lost(
        &self,
        spool: Id<Spool>,
        at: DateTime<Utc>,
        reason: &str,
        mut results: Vec<SpoolResult>,
    ) -> Vec<TransmissionEvent> {
        results.push(SpoolResult::new(ResultKind::Error, "outcome", "unknown"));
        vec![
            ResultRecorded {
                spool,
                results: self.personal(results),
            },
            SpoolOutcomeUnknown {
                spool,
                at,
                response: self.personal(format!("OUTCOME_UNKNOWN {reason}")),
            },
            TransmissionFailed {
                at,
                outcome: Outcome::Unknown,
            },
        ]
    }

    fn expired(
        &self,
        spool: Id<Spool>,
        at: DateTime<Utc>,
        reason: String,
    ) -> Vec<TransmissionEvent> {
        let outcome = Outcome::Unavailable;
        let sending = self.sending.as_ref();
        let last_answer = sending.and_then(|sending| sending.last_answer.as_ref()?.get());
        // Why the earlier attempts failed is what a reader wants to know.
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
            },
            TransmissionFailed { at, outcome },
        ]
    }

    fn suppressed(
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
        };
        vec![failed, TransmissionSuppressed { at, reason }]
    }

    /// The transmission follows only if no newer attempt has its fate in hand.
    fn settled(
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
        if self.is_last(spool) && self.stage == Failed {
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
        if due_at >= sending.deadline {
            return None;
        }
        let tried = earlier
            .iter()
            .filter(|attempt| attempt.id == failed || attempt.state == Ended(Outcome::Unavailable));
        let mut avoid: Vec<_> = match outcome {
            // One that failed before it started is only known from its report.
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
                deadline: sending.deadline,
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

/// Exponential, from half to the whole of its length at random.
fn pause(so_far: usize, retry: Retry) -> TimeDelta {
    let doublings = u32::try_from(so_far.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .min(16);
    let seconds = f64::from(retry.base_seconds) * f64::from(1_u32 << doublings);
    let longest = LONGEST_PAUSE.num_seconds() as f64;
    let seconds = seconds.min(longest) * (0.5 + retry.jitter.clamp(0.0, 1.0) / 2.0);
    TimeDelta::milliseconds((seconds * 1000.0) as i64)
}

fn not_ready(reason: &str) -> TransmissionError {
    Refusal::not_ready(reason).into()
}
