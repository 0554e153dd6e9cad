//! The commands and events of a transmission.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Acceptance, Arrival, Awaited, Message, Opened, Opening, Order, OrderPatch, SpoolProgress,
    SpoolReport, Transmission,
};
use crate::{
    Id, Owner, Personal, Refusal,
    delivery::{Campaign, Outcome, Provider, SpoolResult},
    flow::Flow,
    people::Account,
};

/// The type of attempt ids; an attempt is a part of its transmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spool {}

/// The parameters of a retry, if one follows.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The id of the next attempt.
    pub spool: Id<Spool>,
    /// The first pause, in seconds; doubled with every further attempt, up to an hour.
    pub base_seconds: u32,
    /// The jitter, a random number from 0 to 1.
    pub jitter: f64,
    /// True if a provider that was not tried can take the message: an attempt that did not reach
    /// the remote side is then retried at once (failover).
    pub elsewhere: bool,
}

/// A command to a transmission.
#[derive(Clone, Debug)]
pub enum TransmissionCommand {
    /// Creates the transmission; nothing is sent yet.
    Create {
        /// The id.
        id: Id<Transmission>,
        /// The owner.
        owner: Owner,
        /// The order.
        order: Order,
    },
    /// Records an inbound message.
    Receive(Box<Arrival>),
    /// Opens an inbound session.
    Open(Box<Opening>),
    /// Changes the order before it is sent.
    Update(Box<OrderPatch>),
    /// Queues the first attempt or, after a failure or a withdrawal, a further one.
    Send {
        /// The id of the attempt.
        spool: Id<Spool>,
        /// The present time.
        at: DateTime<Utc>,
        /// The deadline after which no attempt of the round starts.
        deadline: DateTime<Utc>,
        /// The steps to run.
        flow: Flow,
        /// The program's sequence number at this time.
        program_version: u64,
        /// The sending account.
        account_id: Id<Account>,
        /// The destination: a phone number or an email address.
        destination: Personal<String>,
        /// True if only a failed transmission may be sent.
        again: bool,
        /// True if the transmission may be sent although its last outcome is unknown.
        force: bool,
        /// True if the campaign sends the transmission, at its pace and outside quiet hours; a
        /// transmission sent by anyone else goes out at once.
        paced: bool,
    },
    /// Records that an attempt starts: the worker sends it next.
    Start {
        /// The attempt.
        spool: Id<Spool>,
        /// The claim under which the worker holds the attempt.
        claim: String,
        /// The provider.
        provider: Id<Provider>,
        /// The worker.
        worker: String,
        /// The present time.
        at: DateTime<Utc>,
    },
    /// Records the connection and the results of an attempt that goes on.
    Progress(SpoolProgress),
    /// Asks for the end of an attempt.
    HangUp {
        /// The attempt.
        spool: Id<Spool>,
        /// The present time.
        at: DateTime<Utc>,
    },
    /// Records the outcome of an attempt.
    Report {
        /// The report of the gateway.
        report: SpoolReport,
        /// The parameters of a retry, made if the outcome allows one.
        retry: Option<Retry>,
    },
    /// Records that the remote side accepted an attempt, whose outcome a delivery report will tell.
    Accept(Acceptance),
    /// Ends an accepted attempt whose delivery report is overdue.
    TimeOutReport {
        /// The attempt.
        spool: Id<Spool>,
        /// The present time.
        at: DateTime<Utc>,
    },
    /// Marks the outcome of an attempt as unknown: it was started and never reported.
    MarkOutcomeUnknown {
        /// The attempt.
        spool: Id<Spool>,
        /// The present time.
        at: DateTime<Utc>,
        /// The reason for which the outcome is unknown.
        reason: String,
    },
    /// Ends an attempt that did not start before its deadline.
    Expire {
        /// The attempt.
        spool: Id<Spool>,
        /// The present time.
        at: DateTime<Utc>,
        /// The condition that the attempt was waiting for.
        reason: String,
    },
    /// Ends the transmission without sending, because it must not be sent.
    Suppress {
        /// The queued attempt, if there is one.
        spool: Option<Id<Spool>>,
        /// The present time.
        at: DateTime<Utc>,
        /// The reason of the suppression.
        reason: String,
    },
    /// Takes an attempt that has not started off the queue; the transmission can be sent later.
    Withdraw {
        /// The attempt.
        spool: Id<Spool>,
        /// The present time.
        at: DateTime<Utc>,
        /// The reason.
        reason: String,
    },
    /// Records a bounce of a message that was taken for delivered.
    Bounce {
        /// The attempt.
        spool: Id<Spool>,
        /// The present time.
        at: DateTime<Utc>,
        /// The response of the remote side.
        response: String,
    },
    /// Resolves an unknown outcome by the decision of a person.
    Resolve {
        /// The attempt.
        spool: Id<Spool>,
        /// The present time.
        at: DateTime<Utc>,
        /// True if the message was delivered.
        delivered: bool,
    },
    /// Deletes the transmission; its history stays.
    Delete,
}

/// An event of a transmission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum TransmissionEvent {
    TransmissionCreated {
        id: Id<Transmission>,
        owner: Owner,
        order: Order,
    },
    /// The whole order after an update.
    TransmissionUpdated {
        order: Order,
    },
    SpoolQueued {
        spool: Id<Spool>,
        /// The number of the attempt, from 1.
        attempt: u32,
        at: DateTime<Utc>,
        /// The time before which the attempt does not start.
        due_at: DateTime<Utc>,
        deadline: DateTime<Utc>,
        flow: Flow,
        program_version: u64,
        account_id: Id<Account>,
        destination: Personal<String>,
        /// The providers that could not be reached, to be tried last.
        avoid: Vec<Id<Provider>>,
        /// The owner of the transmission; `None` in older events.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<Owner>,
        /// The campaign that paces the attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign: Option<Id<Campaign>>,
    },
    SpoolStarted {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        claim: String,
        provider: Id<Provider>,
        worker: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign: Option<Id<Campaign>>,
    },
    /// An attempt of the remote side arrived: an inbound message, or a session that begins.
    SpoolReceived {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<Id<Provider>>,
        account_id: Id<Account>,
        flow: Flow,
        program_version: u64,
        /// The fingerprint by which a repeated delivery is recognised.
        key: String,
        message: Personal<Message>,
        /// Set if the attempt is a session: it goes on from here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opened: Option<Opened>,
    },
    /// The attempt was taken off the queue before it started, and does not count as an attempt.
    SpoolWithdrawn {
        spool: Id<Spool>,
        /// The number of the attempt, which the next attempt gets.
        attempt: u32,
        at: DateTime<Utc>,
        reason: String,
        /// The first moment outside the recipient's quiet hours, from which the transmission may be
        /// sent again.
        open_at: DateTime<Utc>,
    },
    SpoolConnected {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        /// The awaited delivery report, if the attempt was accepted and has not ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        awaited: Option<Awaited>,
    },
    ResultRecorded {
        spool: Id<Spool>,
        results: Personal<Vec<SpoolResult>>,
    },
    /// The end of a running attempt was asked for.
    SpoolHangupRequested {
        spool: Id<Spool>,
        at: DateTime<Utc>,
    },
    SpoolCompleted {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        response: Personal<String>,
        /// The billed amount: seconds of a call or fax, parts of a short message.
        #[serde(default, skip_serializing_if = "is_zero")]
        amount: u32,
    },
    SpoolFailed {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        /// The provider, if one was chosen; the attempt need not have started.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<Id<Provider>>,
        outcome: Outcome,
        response: Personal<String>,
        #[serde(default, skip_serializing_if = "is_zero")]
        amount: u32,
    },
    SpoolOutcomeUnknown {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        /// The reason, after the word `OUTCOME_UNKNOWN`.
        response: Personal<String>,
        #[serde(default, skip_serializing_if = "is_zero")]
        amount: u32,
    },
    /// An unknown outcome became known, or a bounce changed the outcome.
    SpoolResolved {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        outcome: Outcome,
        response: Personal<String>,
    },
    RetryScheduled {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        due_at: DateTime<Utc>,
    },
    TransmissionCompleted {
        at: DateTime<Utc>,
    },
    TransmissionFailed {
        at: DateTime<Utc>,
        outcome: Outcome,
    },
    /// The transmission must not be sent, and failed without sending.
    TransmissionSuppressed {
        at: DateTime<Utc>,
        reason: String,
    },
    TransmissionDeleted {},
}

/// The reasons for which a transmission rejects a command.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransmissionError {
    /// A refusal that every aggregate has.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The transmission has no such attempt.
    #[error("no such attempt")]
    NoSuchSpool,
    /// The attempt was started before.
    #[error("the attempt was started before")]
    AlreadyStarted,
    /// The attempt has not been started.
    #[error("the attempt was never started")]
    NotStarted,
    /// The remote side has not accepted the attempt.
    #[error("the attempt was not accepted")]
    NotAccepted,
    /// The attempt has ended.
    #[error("the attempt has ended")]
    AlreadyEnded,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(amount: &u32) -> bool {
    *amount == 0
}

impl From<TransmissionError> for Refusal {
    fn from(error: TransmissionError) -> Self {
        match error {
            TransmissionError::Refused(refusal) => refusal,
            TransmissionError::NoSuchSpool => Self::NotFound,
            other => Self::not_ready(other.to_string()),
        }
    }
}

impl DomainEvent for TransmissionEvent {
    fn event_type(&self) -> String {
        match self {
            Self::TransmissionCreated { .. } => "TransmissionCreated",
            Self::TransmissionUpdated { .. } => "TransmissionUpdated",
            Self::SpoolQueued { .. } => "SpoolQueued",
            Self::SpoolStarted { .. } => "SpoolStarted",
            Self::SpoolReceived { .. } => "SpoolReceived",
            Self::SpoolWithdrawn { .. } => "SpoolWithdrawn",
            Self::SpoolConnected { .. } => "SpoolConnected",
            Self::SpoolHangupRequested { .. } => "SpoolHangupRequested",
            Self::ResultRecorded { .. } => "ResultRecorded",
            Self::SpoolCompleted { .. } => "SpoolCompleted",
            Self::SpoolFailed { .. } => "SpoolFailed",
            Self::SpoolOutcomeUnknown { .. } => "SpoolOutcomeUnknown",
            Self::SpoolResolved { .. } => "SpoolResolved",
            Self::RetryScheduled { .. } => "RetryScheduled",
            Self::TransmissionCompleted { .. } => "TransmissionCompleted",
            Self::TransmissionFailed { .. } => "TransmissionFailed",
            Self::TransmissionSuppressed { .. } => "TransmissionSuppressed",
            Self::TransmissionDeleted {} => "TransmissionDeleted",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        match self {
            Self::SpoolQueued { .. } => "1.1.0",
            _ => "1.0.0",
        }
        .to_owned()
    }
}
