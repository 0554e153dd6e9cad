//! The state and event application of a transmission.

use chrono::{DateTime, Utc};
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{
    OnReportTimeout, Order, Spool, TransmissionCommand, TransmissionError, TransmissionEvent,
    TransmissionEvent::{
        ResultRecorded, RetryScheduled, SpoolCompleted, SpoolConnected, SpoolFailed,
        SpoolHangupRequested, SpoolOutcomeUnknown, SpoolQueued, SpoolReceived, SpoolResolved,
        SpoolStarted, SpoolWithdrawn, TransmissionCompleted, TransmissionCreated,
        TransmissionDeleted, TransmissionFailed, TransmissionSuppressed, TransmissionUpdated,
    },
};
use crate::{
    Claim, Entity, Id, Owner, Personal,
    delivery::{Campaign, Direction, Outcome, Provider},
    flow::Flow,
    people::Account,
};

/// A transmission's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transmission {
    pub(super) stage: Stage,
    pub(super) owner: Option<Owner>,
    pub(super) order: Option<Order>,
    /// The send options of the present round of attempts.
    pub(super) sending: Option<Round>,
    pub(super) spools: Vec<Attempt>,
    /// The fingerprint by which an inbound message is deduplicated.
    #[serde(default)]
    pub(super) key: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    #[default]
    Absent,
    Pending,
    Processing,
    /// The queued attempt was withdrawn; the round goes on when the transmission is sent again.
    Withdrawn,
    Completed,
    Failed,
    Deleted,
}

/// The send options of a round: of all attempts since the last `Send` command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Round {
    pub deadline: DateTime<Utc>,
    /// The time from the first attempt to the deadline, which begins anew after each attempt that
    /// was not answered, in milliseconds.
    #[serde(default)]
    pub window: i64,
    pub flow: Flow,
    pub program_version: u64,
    pub account_id: Id<Account>,
    pub destination: Personal<String>,
    /// The campaign that paces the round.
    #[serde(default)]
    pub campaign: Option<Id<Campaign>>,
    /// The number of attempts before this round.
    pub before: usize,
    /// The response to the round's last failed attempt.
    #[serde(default)]
    pub last_answer: Option<Personal<String>>,
}

/// The work of an attempt.
#[derive(Clone, Copy, Debug)]
pub struct Assignment<'a> {
    /// The steps to run.
    pub flow: &'a Flow,
    /// The program's sequence number at the time of sending.
    pub program_version: u64,
    /// The sending account.
    pub account_id: Id<Account>,
    /// The destination; `None` if the recipient was erased meanwhile.
    pub destination: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub id: Id<Spool>,
    pub provider: Option<Id<Provider>>,
    pub state: AttemptState,
    /// The time at which the remote side was reached.
    #[serde(default)]
    pub connected_at: Option<DateTime<Utc>>,
    /// The number of results on record.
    #[serde(default)]
    pub results: usize,
    /// The number of parts of a short message that the remote side accepted.
    #[serde(default)]
    pub parts: u32,
    /// True if its end was asked for.
    #[serde(default)]
    pub hung_up: bool,
}

impl Attempt {
    fn new(id: Id<Spool>, provider: Option<Id<Provider>>, state: AttemptState) -> Self {
        Self {
            id,
            provider,
            state,
            connected_at: None,
            results: 0,
            parts: 0,
            hung_up: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum AttemptState {
    Queued,
    Started,
    /// The remote side accepted the attempt; a delivery report is awaited.
    Accepted(OnReportTimeout),
    Withdrawn,
    Ended(Outcome),
}

impl Transmission {
    /// The order: the fields that the client set.
    pub fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// The work of the attempts since the transmission was last sent.
    pub fn assignment(&self) -> Option<Assignment<'_>> {
        let sending = self.sending.as_ref()?;
        Some(Assignment {
            flow: &sending.flow,
            program_version: sending.program_version,
            account_id: sending.account_id,
            destination: sending.destination.get().map(String::as_str),
        })
    }

    /// True if the transmission was delivered, and so is not sent again.
    pub fn is_completed(&self) -> bool {
        self.stage == Stage::Completed
    }

    /// The reason for which the transmission can be sent neither now nor later in its present
    /// state; `None` if it can.
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

    /// True if this is an attempt of the transmission.
    pub fn has(&self, spool: Id<Spool>) -> bool {
        self.spools.iter().any(|attempt| attempt.id == spool)
    }

    /// A retry, or a send after a withdrawal, continues the round before; any other attempt opens
    /// a new one.
    fn queue(&mut self, spool: Id<Spool>, round: Round) {
        let round = match (self.sending.take(), self.stage) {
            (Some(present), Stage::Processing | Stage::Withdrawn) => Round {
                before: present.before,
                window: present.window.max(round.window),
                last_answer: present.last_answer,
                ..round
            },
            _ => round,
        };
        self.stage = Stage::Processing;
        self.sending = Some(round);
        let queued = Attempt::new(spool, None, AttemptState::Queued);
        self.spools.push(queued);
    }

    fn end(&mut self, spool: Id<Spool>, outcome: Outcome) {
        self.change(spool, |attempt| {
            attempt.state = AttemptState::Ended(outcome);
        });
    }

    fn change(&mut self, spool: Id<Spool>, change: impl FnOnce(&mut Attempt)) {
        if let Some(attempt) = self.spools.iter_mut().rev().find(|it| it.id == spool) {
            change(attempt);
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
                due_at,
                deadline,
                flow,
                program_version,
                account_id,
                destination,
                campaign,
                ..
            } => {
                let round = Round {
                    deadline,
                    window: (deadline - due_at).num_milliseconds().max(0),
                    flow,
                    program_version,
                    account_id,
                    destination,
                    campaign,
                    before: self.spools.len(),
                    last_answer: None,
                };
                self.queue(spool, round);
            }
            SpoolReceived {
                spool,
                provider,
                key,
                opened: None,
                ..
            } => {
                self.stage = Stage::Processing;
                self.key = Some(key);
                let started = Attempt::new(spool, provider, AttemptState::Started);
                self.spools.push(started);
            }
            SpoolReceived {
                spool,
                provider,
                account_id,
                flow,
                program_version,
                key,
                message,
                opened: Some(opened),
                ..
            } => {
                self.stage = Stage::Processing;
                self.key = Some(key);
                self.sending = Some(Round {
                    deadline: opened.deadline,
                    window: 0,
                    flow,
                    program_version,
                    account_id,
                    destination: message.map(|message| message.destination),
                    campaign: None,
                    before: 0,
                    last_answer: None,
                });
                let queued = Attempt::new(spool, provider, AttemptState::Queued);
                self.spools.push(queued);
            }
            SpoolStarted {
                spool, provider, ..
            } => self.change(spool, |attempt| {
                attempt.provider = Some(provider);
                attempt.state = AttemptState::Started;
            }),
            SpoolWithdrawn { spool, .. } => {
                self.change(spool, |attempt| attempt.state = AttemptState::Withdrawn);
                self.stage = Stage::Withdrawn;
            }
            SpoolConnected { spool, at, awaited } => self.change(spool, |attempt| {
                attempt.connected_at = Some(at);
                if let Some(awaited) = awaited {
                    attempt.parts = awaited.parts;
                    attempt.state = AttemptState::Accepted(awaited.if_silent);
                }
            }),
            ResultRecorded { spool, results } => self.change(spool, |attempt| {
                attempt.results += results.get().map_or(0, Vec::len);
            }),
            SpoolHangupRequested { spool, .. } => {
                self.change(spool, |attempt| attempt.hung_up = true);
            }
            RetryScheduled { .. } => {}
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
                self.change(spool, |attempt| {
                    attempt.provider = attempt.provider.or(provider);
                });
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

    fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Holds the claim of an inbound message also once the transmission is deleted, so that the
    /// message is not received again.
    fn claims(&self) -> Vec<Claim> {
        let key = self.key.clone();
        key.map(Self::received_claim).into_iter().collect()
    }
}
