//! What a transmission is asked and what happens to it.

use chrono::{DateTime, Utc};
use cqrs_es::DomainEvent;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Acceptance, Arrival, Awaited, Message, Transmission};
use crate::{
    Id, Patch, Personal, Refusal,
    access::User,
    delivery::{Campaign, Outcome, Provider, SpoolResult, hours::Hours},
    flow::{Flow, Service},
    outreach::Program,
    people::{Account, Contact},
    values::Line,
};

/// Names the ids of attempts; an attempt lives inside its transmission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spool {}

/// Which way a transmission goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From us.
    #[default]
    Outbound,
    /// To us.
    Inbound,
}

impl Direction {
    /// The documented word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }
}

/// What was asked for: everything of a transmission that is not its fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Order {
    pub title: Option<Line>,
    pub origin: Option<Line>,
    pub contact_id: Id<Contact>,
    /// The sender's newest active account at the moment of sending, if none is named.
    pub account_id: Option<Id<Account>>,
    pub program_id: Id<Program>,
    pub service: Service,
    pub direction: Direction,
    /// How many attempts may end unanswered before it fails.
    pub try_allowed: u32,
    /// The campaign that made it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_id: Option<Id<Campaign>>,
    /// When the recipient is not to be bothered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
}

impl Order {
    /// When it may be sent: now, or when the recipient's quiet hours end.
    pub fn opens(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.hours.as_ref().map_or(at, |hours| hours.opens(at))
    }
}

/// What is to be different in an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct OrderPatch {
    pub title: Patch<Line>,
    pub origin: Patch<Line>,
    pub contact_id: Option<Id<Contact>>,
    pub account_id: Patch<Id<Account>>,
    /// With the service that the program uses.
    pub program: Option<(Id<Program>, Service)>,
    pub try_allowed: Option<u32>,
    pub hours: Patch<Hours>,
}

impl OrderPatch {
    /// The order as it is to be.
    pub fn applied_to(self, order: &Order) -> Order {
        let mut order = order.clone();
        self.title.apply(&mut order.title);
        self.origin.apply(&mut order.origin);
        self.account_id.apply(&mut order.account_id);
        if let Some((program, service)) = self.program {
            (order.program_id, order.service) = (program, service);
        }
        order.contact_id = self.contact_id.unwrap_or(order.contact_id);
        order.try_allowed = self.try_allowed.unwrap_or(order.try_allowed);
        self.hours.apply(&mut order.hours);
        order
    }
}

/// How the next attempt is made, should there be one.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// The next attempt's id.
    pub spool: Id<Spool>,
    /// The first pause, in seconds; doubled with every further attempt, to an hour.
    pub base_seconds: u32,
    /// A random number from 0 to 1 that spreads attempts out.
    pub jitter: f64,
    /// Whether a provider that has not been tried can take it: then one that was never
    /// reached is followed at once.
    pub elsewhere: bool,
}

/// What a gateway reports of an attempt.
#[derive(Clone, Debug)]
pub struct SpoolReport {
    /// The attempt.
    pub spool: Id<Spool>,
    /// By which way out, where one was chosen; the attempt need not have started.
    pub provider: Option<Id<Provider>>,
    /// When the report was made.
    pub at: DateTime<Utc>,
    /// When the remote side was reached, if it was.
    pub connected_at: Option<DateTime<Utc>>,
    /// How it ended.
    pub outcome: Outcome,
    /// The remote side's words.
    pub response: String,
    /// What was learned.
    pub results: Vec<SpoolResult>,
}

/// What one can ask of a transmission.
#[derive(Clone, Debug)]
pub enum TransmissionCommand {
    /// Sets it up; nothing is sent yet.
    Create {
        /// Its id.
        id: Id<Transmission>,
        /// Whose it is.
        owner: Id<User>,
        /// What is wanted.
        order: Order,
    },
    /// Puts on record what came in.
    Receive(Box<Arrival>),
    /// Changes what is wanted, before it is sent.
    Update(Box<OrderPatch>),
    /// Queues a first or, after a failure, a further attempt.
    Send {
        /// The attempt's id.
        spool: Id<Spool>,
        /// Now.
        at: DateTime<Utc>,
        /// After this none of its attempts starts any more.
        deadline: DateTime<Utc>,
        /// What is done.
        flow: Flow,
        /// The program's sequence at this moment.
        program_version: u64,
        /// As whom.
        account_id: Id<Account>,
        /// Where to: a phone number or an address.
        destination: Personal<String>,
        /// Whether only a failed one may be sent.
        again: bool,
        /// Whether an unknown outcome is no obstacle.
        force: bool,
        /// Whether its campaign sends it, at its pace and within its hours; what anybody
        /// else sends goes at once.
        paced: bool,
    },
    /// Puts on record that an attempt goes on the wire next.
    Start {
        /// The attempt.
        spool: Id<Spool>,
        /// The claim under which the worker holds it.
        claim: String,
        /// The way out.
        provider: Id<Provider>,
        /// Which worker.
        worker: String,
        /// Now.
        at: DateTime<Utc>,
    },
    /// What an attempt came to.
    Report {
        /// What the gateway says.
        report: SpoolReport,
        /// The next attempt, if the outcome allows one.
        retry: Option<Retry>,
    },
    /// The remote side took an attempt; how it ends will be said in a report.
    Accept(Acceptance),
    /// No report came within the time that the acceptance set.
    Silence {
        /// The attempt.
        spool: Id<Spool>,
        /// Now.
        at: DateTime<Utc>,
    },
    /// Gives up on an attempt that was started and never reported.
    LoseTrack {
        /// The attempt.
        spool: Id<Spool>,
        /// Now.
        at: DateTime<Utc>,
        /// Why nobody can tell.
        reason: String,
    },
    /// Ends an attempt that did not start before its deadline.
    Expire {
        /// The attempt.
        spool: Id<Spool>,
        /// Now.
        at: DateTime<Utc>,
        /// What it was waiting for.
        reason: String,
    },
    /// Ends it without sending, because it must not be sent.
    Suppress {
        /// Its attempt, if one was queued.
        spool: Option<Id<Spool>>,
        /// Now.
        at: DateTime<Utc>,
        /// Why not.
        reason: String,
    },
    /// Takes an attempt that has not started off the queue; it can be sent later.
    Withdraw {
        /// The attempt.
        spool: Id<Spool>,
        /// Now.
        at: DateTime<Utc>,
        /// Why.
        reason: String,
    },
    /// What was delivered, as far as anybody knew, came back.
    Bounce {
        /// The attempt.
        spool: Id<Spool>,
        /// Now.
        at: DateTime<Utc>,
        /// The remote side's words.
        response: String,
    },
    /// A person settles an unknown outcome.
    Resolve {
        /// The attempt.
        spool: Id<Spool>,
        /// Now.
        at: DateTime<Utc>,
        /// Whether it did arrive.
        delivered: bool,
    },
    /// Removes it; its history stays.
    Delete,
}

/// What happened to a transmission.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum TransmissionEvent {
    TransmissionCreated {
        id: Id<Transmission>,
        owner: Id<User>,
        order: Order,
    },
    /// The whole order as it is now.
    TransmissionUpdated {
        order: Order,
    },
    SpoolQueued {
        spool: Id<Spool>,
        /// 1 for the first ever.
        attempt: u32,
        at: DateTime<Utc>,
        /// Not before this.
        due_at: DateTime<Utc>,
        deadline: DateTime<Utc>,
        flow: Flow,
        program_version: u64,
        account_id: Id<Account>,
        destination: Personal<String>,
        /// Providers that could not be reached, to be tried last.
        avoid: Vec<Id<Provider>>,
        /// Whose transmission it is; nothing in older events.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<Id<User>>,
        /// The campaign at whose pace it goes.
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
    /// Somebody else's attempt that arrived here.
    SpoolReceived {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<Id<Provider>>,
        account_id: Id<Account>,
        flow: Flow,
        program_version: u64,
        /// What it is recognised by when it is brought again.
        key: String,
        message: Personal<Message>,
    },
    /// It never started, and is no attempt any more.
    SpoolWithdrawn {
        spool: Id<Spool>,
        /// Its number, which the next one gets.
        attempt: u32,
        at: DateTime<Utc>,
        reason: String,
        /// When it may be sent again, as far as the recipient's hours go.
        open_at: DateTime<Utc>,
    },
    SpoolConnected {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        /// The report that is to say how it ends, if it has not ended yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        awaited: Option<Awaited>,
    },
    ResultRecorded {
        spool: Id<Spool>,
        results: Personal<Vec<SpoolResult>>,
    },
    SpoolCompleted {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        response: Personal<String>,
    },
    SpoolFailed {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        /// By which way out, where one was chosen; it need not have started.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<Id<Provider>>,
        outcome: Outcome,
        response: Personal<String>,
    },
    SpoolOutcomeUnknown {
        spool: Id<Spool>,
        at: DateTime<Utc>,
        /// Begins `OUTCOME_UNKNOWN`.
        response: Personal<String>,
    },
    /// An unknown outcome became known.
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
    /// It must not be sent, and failed without anything on the wire.
    TransmissionSuppressed {
        at: DateTime<Utc>,
        reason: String,
    },
    TransmissionDeleted {},
}

/// Why a transmission says no.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransmissionError {
    /// As any aggregate would.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such attempt.
    #[error("no such attempt")]
    NoSuchSpool,
    /// The attempt went on the wire before.
    #[error("the attempt was started before")]
    AlreadyStarted,
    /// The attempt has not been on the wire.
    #[error("the attempt was never started")]
    NotStarted,
    /// The remote side has not taken the attempt.
    #[error("the attempt was not accepted")]
    NotAccepted,
    /// The attempt is over.
    #[error("the attempt has ended")]
    AlreadyEnded,
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
