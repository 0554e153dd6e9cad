//! A transmission's state, and how events change it.

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{
    IfSilent, Order, Spool, TransmissionCommand, TransmissionError, TransmissionEvent,
    TransmissionEvent::{
        ResultRecorded, RetryScheduled, SpoolCompleted, SpoolConnected, SpoolFailed,
        SpoolOutcomeUnknown, SpoolQueued, SpoolReceived, SpoolResolved, SpoolStarted,
        SpoolWithdrawn, TransmissionCompleted, TransmissionCreated, TransmissionDeleted,
        TransmissionFailed, TransmissionSuppressed, TransmissionUpdated,
    },
};
use crate::{
    Claim, Entity, Id, Personal,
    access::User,
    delivery::{Campaign, Direction, Outcome, Provider},
    flow::Flow,
    people::Account,
};

/// A transmission's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transmission {
    pub(super) stage: Stage,
    pub(super) owner: Option<Id<User>>,
    pub(super) order: Option<Order>,
    /// What the present round of attempts was queued with.
    pub(super) sending: Option<Sending>,
    pub(super) spools: Vec<Attempt>,
    /// What it is recognised by, if it came in.
    #[serde(default)]
    pub(super) key: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    #[default]
    Absent,
    Pending,
    Processing,
    /// Its attempt was taken off the queue; its round goes on when it is sent again.
    Withdrawn,
    Completed,
    Failed,
    Deleted,
}

/// What all attempts since the last `send` have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sending {
    pub deadline: DateTime<Utc>,
    pub flow: Flow,
    pub program_version: u64,
    pub account_id: Id<Account>,
    pub destination: Personal<String>,
    /// The campaign at whose pace it goes.
    #[serde(default)]
    pub campaign: Option<Id<Campaign>>,
    /// How many attempts came before this round.
    pub before: usize,
    /// What the round's last failed attempt was told.
    #[serde(default)]
    pub last_answer: Option<Personal<String>>,
}

/// What an attempt is to do.
#[derive(Clone, Copy, Debug)]
pub struct Assignment<'a> {
    /// The steps.
    pub flow: &'a Flow,
    /// The program's sequence when it was sent.
    pub program_version: u64,
    /// As whom.
    pub account_id: Id<Account>,
    /// Where to; nothing if the recipient was erased meanwhile.
    pub destination: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub id: Id<Spool>,
    pub provider: Option<Id<Provider>>,
    pub state: AttemptState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum AttemptState {
    Queued,
    Started,
    /// The remote side took it; a report is awaited.
    Accepted(IfSilent),
    Withdrawn,
    Ended(Outcome),
}

impl Transmission {
    /// What was asked for.
    pub fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// What its attempts have been doing since it was last sent.
    pub fn assignment(&self) -> Option<Assignment<'_>> {
        let sending = self.sending.as_ref()?;
        Some(Assignment {
            flow: &sending.flow,
            program_version: sending.program_version,
            account_id: sending.account_id,
            destination: sending.destination.get().map(String::as_str),
        })
    }

    /// Whether it has arrived: it is not sent again.
    pub fn is_completed(&self) -> bool {
        self.stage == Stage::Completed
    }

    /// Why it can be sent neither now nor later as it is; nothing if it can.
    pub fn is_settled(&self) -> Option<&'static str> {
        let order = self.order.as_ref();
        match self.stage {
            Stage::Processing => Some("it is being sent"),
            Stage::Completed => Some("it is completed"),
            _ if order.is_some_and(|order| order.direction == Direction::Inbound) => {
                Some("it is inbound")
            }
            Stage::Absent | Stage::Pending | Stage::Withdrawn | Stage::Failed | Stage::Deleted => {
                None
            }
        }
    }

    /// Whether this is one of its attempts.
    pub fn has(&self, spool: Id<Spool>) -> bool {
        self.spools.iter().any(|attempt| attempt.id == spool)
    }

    fn end(&mut self, spool: Id<Spool>, outcome: Outcome) {
        if let Some(attempt) = self.spools.iter_mut().find(|attempt| attempt.id == spool) {
            attempt.state = AttemptState::Ended(outcome);
        }
    }
}

impl Aggregate for Transmission {
    const TYPE: &'static str = "transmission";
    type Command = TransmissionCommand;
    type Event = TransmissionEvent;
    type Error = TransmissionError;
    type Services = ();

    async fn handle(
        &mut self,
        command: TransmissionCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), TransmissionError> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: TransmissionEvent) {
        match event {
            TransmissionCreated { owner, order, .. } => {
                self.stage = Stage::Pending;
                self.owner = Some(owner);
                self.order = Some(order);
            }
            TransmissionUpdated { order } => self.order = Some(order),
            SpoolQueued {
                spool,
                deadline,
                flow,
                program_version,
                account_id,
                destination,
                campaign,
                ..
            } => {
                // A retry follows within its round; anything else opens a new one.
                let (before, last_answer) = match (self.sending.take(), self.stage) {
                    (Some(sending), Stage::Processing | Stage::Withdrawn) => {
                        (sending.before, sending.last_answer)
                    }
                    _ => (self.spools.len(), None),
                };
                self.stage = Stage::Processing;
                self.sending = Some(Sending {
                    deadline,
                    flow,
                    program_version,
                    account_id,
                    destination,
                    campaign,
                    before,
                    last_answer,
                });
                self.spools.push(Attempt {
                    id: spool,
                    provider: None,
                    state: AttemptState::Queued,
                });
            }
            SpoolReceived {
                spool,
                provider,
                key,
                ..
            } => {
                self.stage = Stage::Processing;
                self.key = Some(key);
                self.spools.push(Attempt {
                    id: spool,
                    provider,
                    state: AttemptState::Started,
                });
            }
            SpoolStarted {
                spool, provider, ..
            } => {
                let attempt = self.spools.iter_mut().find(|attempt| attempt.id == spool);
                if let Some(attempt) = attempt {
                    attempt.provider = Some(provider);
                    attempt.state = AttemptState::Started;
                }
            }
            SpoolWithdrawn { spool, .. } => {
                let attempt = self.spools.iter_mut().find(|attempt| attempt.id == spool);
                if let Some(attempt) = attempt {
                    attempt.state = AttemptState::Withdrawn;
                }
                self.stage = Stage::Withdrawn;
            }
            SpoolConnected {
                spool,
                awaited: Some(awaited),
                ..
            } => {
                let attempt = self.spools.iter_mut().find(|attempt| attempt.id == spool);
                if let Some(attempt) = attempt {
                    attempt.state = AttemptState::Accepted(awaited.if_silent);
                }
            }
            SpoolConnected { .. } | ResultRecorded { .. } | RetryScheduled { .. } => {}
            SpoolCompleted { spool, .. } => self.end(spool, Outcome::Delivered),
            SpoolOutcomeUnknown { spool, .. } => self.end(spool, Outcome::Unknown),
            SpoolFailed {
                spool,
                provider,
                outcome,
                response,
                ..
            } => {
                self.end(spool, outcome);
                if let Some(attempt) = self.spools.iter_mut().find(|it| it.id == spool) {
                    attempt.provider = attempt.provider.or(provider);
                }
                if let Some(sending) = &mut self.sending {
                    sending.last_answer = Some(response);
                }
            }
            SpoolResolved { spool, outcome, .. } => self.end(spool, outcome),
            TransmissionCompleted { .. } => self.stage = Stage::Completed,
            TransmissionFailed { .. } | TransmissionSuppressed { .. } => {
                self.stage = Stage::Failed;
            }
            TransmissionDeleted {} => self.stage = Stage::Deleted,
        }
    }
}

impl Entity for Transmission {
    fn exists(&self) -> bool {
        !matches!(self.stage, Stage::Absent | Stage::Deleted)
    }

    fn owner(&self) -> Option<Id<User>> {
        self.owner
    }

    /// Also once it is deleted: what was received is not received again.
    fn claims(&self) -> Vec<Claim> {
        let key = self.key.clone();
        key.map(Self::received_claim).into_iter().collect()
    }
}
