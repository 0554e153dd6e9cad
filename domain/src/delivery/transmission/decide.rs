//! The decisions of a transmission.

use chrono::{DateTime, Utc};

use super::{
    OrderPatch, Spool, Transmission, TransmissionCommand, TransmissionError, TransmissionEvent,
    TransmissionEvent::{
        SpoolQueued, SpoolStarted, SpoolWithdrawn, TransmissionCreated, TransmissionDeleted,
        TransmissionSuppressed, TransmissionUpdated,
    },
    aggregate::{Attempt, AttemptState, Stage},
};
use crate::{
    Id, Personal, Refusal, Subject,
    delivery::{Campaign, Outcome},
};

use AttemptState::{Accepted, Ended, Queued, Started};
use Stage::{Absent, Completed, Deleted, Failed, Pending, Processing, Withdrawn};

pub(super) type Decision = Result<Vec<TransmissionEvent>, TransmissionError>;

impl Transmission {
    pub(super) fn decide(&self, command: TransmissionCommand) -> Decision {
        use TransmissionCommand::{
            Accept, Bounce, Create, Delete, Expire, HangUp, MarkOutcomeUnknown, Open, Progress,
            Receive, Report, Resolve, Send, Start, Suppress, TimeOutReport, Update, Withdraw,
        };
        match (self.stage, command) {
            (Absent, Create { id, owner, order }) => {
                Ok(vec![TransmissionCreated { id, owner, order }])
            }
            (Absent, Receive(arrival)) => Ok(Self::received(*arrival)),
            (Absent, Open(opening)) => Self::opened(*opening),
            (_, Create { .. } | Receive(_) | Open(_)) => Err(Refusal::AlreadyExists.into()),
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
            ) => self.while_queued(spool, || {
                vec![SpoolStarted {
                    spool,
                    at,
                    claim,
                    provider,
                    worker,
                    campaign: self.campaign(),
                }]
            }),
            (_, Progress(progress)) => self.progressed(progress),
            (_, HangUp { spool, at }) => self.hang_up(spool, at),
            (_, Report { report, retry }) => self.report(report, retry),
            (_, Accept(acceptance)) => self.accept(acceptance),
            (
                _,
                Bounce {
                    spool,
                    at,
                    response,
                },
            ) => self.bounced(spool, at, response),
            (_, TimeOutReport { spool, at }) => self.time_out_report(spool, at),
            (_, MarkOutcomeUnknown { spool, at, reason }) => match self.attempt(spool)?.state {
                Queued => Err(TransmissionError::NotStarted),
                Started => Ok(self.lost(spool, at, &reason)),
                Accepted(_) | AttemptState::Withdrawn | Ended(_) => {
                    Err(TransmissionError::AlreadyEnded)
                }
            },
            (_, Expire { spool, at, reason }) => {
                self.while_queued(spool, || self.expired(spool, at, reason))
            }
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
            ) => self.while_queued(spool, || self.suppressed(spool, at, reason)),
            (_, Withdraw { spool, at, reason }) => {
                self.while_queued(spool, || self.withdrawn(spool, at, reason))
            }
            (
                _,
                Resolve {
                    spool,
                    at,
                    delivered,
                },
            ) => self.resolved(spool, at, delivered),
            (Processing, Delete) => Err(not_ready("it is being sent")),
            (Pending | Withdrawn | Completed | Failed, Delete) => Ok(vec![TransmissionDeleted {}]),
        }
    }

    /// The events of an attempt that no worker has started.
    fn while_queued(
        &self,
        spool: Id<Spool>,
        events: impl FnOnce() -> Vec<TransmissionEvent>,
    ) -> Decision {
        match self.attempt(spool)?.state {
            Queued => Ok(events()),
            Started | Accepted(_) => Err(TransmissionError::AlreadyStarted),
            AttemptState::Withdrawn | Ended(_) => Err(TransmissionError::AlreadyEnded),
        }
    }

    fn withdrawn(
        &self,
        spool: Id<Spool>,
        at: DateTime<Utc>,
        reason: String,
    ) -> Vec<TransmissionEvent> {
        vec![SpoolWithdrawn {
            spool,
            attempt: self.attempts(),
            at,
            reason,
            open_at: self.order.as_ref().map_or(at, |order| order.opens(at)),
        }]
    }

    fn resolved(&self, spool: Id<Spool>, at: DateTime<Utc>, delivered: bool) -> Decision {
        if self.attempt(spool)?.state != Ended(Outcome::Unknown) {
            return Err(not_ready("its outcome is not unknown"));
        }
        let outcome = if delivered {
            Outcome::Delivered
        } else {
            Outcome::Rejected
        };
        Ok(self.settled(spool, at, outcome, "settled by a person".to_owned()))
    }

    fn updated(&self, patch: OrderPatch) -> Vec<TransmissionEvent> {
        let Some(order) = &self.order else {
            return Vec::new();
        };
        let wanted = patch.applied_to(order);
        if wanted == *order {
            Vec::new()
        } else {
            vec![TransmissionUpdated { order: wanted }]
        }
    }

    pub(super) fn attempt(&self, spool: Id<Spool>) -> Result<&Attempt, TransmissionError> {
        let mut spools = self.spools.iter().rev();
        let found = spools.find(|attempt| attempt.id == spool);
        found.ok_or(TransmissionError::NoSuchSpool)
    }

    pub(super) fn is_last(&self, spool: Id<Spool>) -> bool {
        self.spools.last().is_some_and(|last| last.id == spool)
    }

    fn last_is_unknown(&self) -> bool {
        let last = self.spools.last();
        last.is_some_and(|attempt| attempt.state == Ended(Outcome::Unknown))
    }

    /// Marks data, such as a response of the remote side, as personal data of the contact.
    pub(super) fn personal<T>(&self, value: T) -> Personal<T> {
        let contact = self.order.as_ref().map(|order| order.contact_id.subject());
        Personal::new(contact.unwrap_or_else(|| Subject::new("contact", 0)), value)
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

    /// The number of attempts; those that were withdrawn do not count.
    fn attempts(&self) -> u32 {
        let attempts = self.spools.iter();
        let attempts = attempts.filter(|it| it.state != AttemptState::Withdrawn);
        u32::try_from(attempts.count()).unwrap_or(u32::MAX)
    }

    pub(super) fn number_of_next(&self) -> u32 {
        self.attempts().saturating_add(1)
    }

    /// The campaign that paces the present round.
    pub(super) fn campaign(&self) -> Option<Id<Campaign>> {
        self.sending.as_ref().and_then(|sending| sending.campaign)
    }
}

fn not_ready(reason: &str) -> TransmissionError {
    Refusal::not_ready(reason).into()
}
