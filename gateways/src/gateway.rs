//! [`Gateway`], the trait that every adapter implements, and the types of its methods.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use domain::{
    Id, Owner,
    delivery::{
        OnReportTimeout, Outcome, SenderAddress, Spool as SpoolMark, SpoolResult, Transmission,
    },
    flow::Flow,
    people::Contact,
};
use tokio::time::{Duration, Instant};

use crate::{Content, inbox::Inbox};

/// Margin before its deadline at which an attempt ends, so that its report is in time.
const MARGIN: Duration = Duration::from_millis(100);

/// One attempt of delivery, with all data that an adapter needs to make it.
#[derive(Debug, Clone)]
pub struct Spool {
    /// The attempt's id.
    pub id: Id<SpoolMark>,
    /// The transmission that the attempt belongs to; 0 for a verification code, which has none.
    pub transmission: Id<Transmission>,
    /// The owner of the transmission.
    pub owner: Owner,
    /// The recipient.
    pub contact: Id<Contact>,
    /// The address to deliver to: a phone number or an email address.
    pub destination: String,
    /// The steps of the attempt.
    pub flow: Flow,
    /// The content to deliver.
    pub content: Content,
    /// True if the attempt belongs to a campaign.
    pub bulk: bool,
    /// The time by which the attempt must have ended; an adapter gives up before that.
    pub deadline: Instant,
}

impl Spool {
    /// True if the attempt belongs to a transmission, which links in the message can name.
    pub(crate) fn has_transmission(&self) -> bool {
        self.transmission.get() != 0
    }

    /// The time at which an adapter gives up, so that its report is there before the deadline.
    pub(crate) fn until(&self) -> Instant {
        self.deadline.checked_sub(MARGIN).unwrap_or(self.deadline)
    }
}

/// An inbound session that a worker has, with all that an adapter needs to run it.
#[derive(Debug, Clone)]
pub struct InboundCall {
    /// The attempt's id.
    pub id: Id<SpoolMark>,
    /// The transmission that the attempt belongs to.
    pub transmission: Id<Transmission>,
    /// The steps of the account's program.
    pub flow: Flow,
    /// The time by which the session must have ended; an adapter gives up before that.
    pub deadline: Instant,
}

impl InboundCall {
    /// The time at which an adapter gives up, so that its report is there before the deadline.
    pub(crate) fn until(&self) -> Instant {
        self.deadline.checked_sub(MARGIN).unwrap_or(self.deadline)
    }
}

/// The error of [`Session::started`]: the attempt must not go on, since it was started before,
/// its lease ran out, or the worker withholds it (a rate limit, a suppression). The adapter
/// drops it and reports [`Ended::NotOurs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the attempt belongs to someone else")]
pub struct NotOurs;

/// The session of an attempt: its adapter reports through it as the attempt goes on, and learns
/// from it that the attempt must end.
#[async_trait]
pub trait Session: Send + Sync {
    /// Puts the intent on record. An adapter calls it when its connection is ready
    /// and the attempt goes on the wire next, and touches the wire only on `Ok`.
    async fn started(&self) -> Result<(), NotOurs>;

    /// Notes that the remote side answers at this moment. That of a call or fax is put on record
    /// while it lasts, beside the attempt; a message has one answer, with which it also ends, so its
    /// adapter need not call this.
    fn connected(&self);

    /// Notes results of a call or fax, which are put on record while it lasts. The report at the end
    /// does not repeat them.
    fn result(&self, results: Vec<SpoolResult>);

    /// Waits until the attempt must end, and returns the reason. An adapter of calls ends them then,
    /// within [`GOODBYE`]; one of messages lets the message end by itself.
    async fn cancelled(&self) -> Cancelled;
}

/// The reason for which an attempt must end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// Somebody asked for its end.
    HungUp,
    /// The worker stops.
    Stopping,
    /// The worker lost its lease, and the outcome is on record as unknown.
    TakenOver,
}

/// The time within which a cancelled call ends.
pub const GOODBYE: Duration = Duration::from_secs(3);

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The class of the result; only the adapter decides it.
    pub outcome: Outcome,
    /// The remote side's response, or our own text where there is none.
    pub response: String,
    /// True if the remote side was reached.
    pub connected: bool,
    /// The result rows of the attempt's steps, without those that the session was told.
    pub results: Vec<SpoolResult>,
}

/// A message that the remote side accepted, and whose outcome it is to report later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The id that the remote side gave the message, if it named one.
    pub message_id: Option<String>,
    /// The time-out of its report.
    pub report_timeout: Duration,
    /// The outcome that is assumed if no report arrives.
    pub if_silent: OnReportTimeout,
    /// The result rows of the attempt's steps.
    pub results: Vec<SpoolResult>,
}

/// The end of a call of [`Gateway::attempt`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The attempt ended with a result to record.
    Reported(Report),
    /// The remote side accepted the message; its report is still to come.
    Accepted(Accepted),
    /// [`Session::started`] refused; the wire was not touched.
    NotOurs,
    /// No capacity for this message at the moment, although there may be some for others. The
    /// wire was not touched; the attempt goes back to the queue, and none of its tries is used up.
    NoRoom,
}

/// An adapter for a provider's protocol. One instance per provider; attempts run concurrently.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Makes one attempt. Never panics, never sends twice, and ends before
    /// `spool.deadline`.
    async fn attempt(&self, spool: &Spool, session: &dyn Session) -> Ended;

    /// Runs an inbound session to its end, as [`Gateway::attempt`] makes an attempt. Only adapters
    /// that open sessions have any.
    async fn receive(&self, _call: &InboundCall, _session: &dyn Session) -> Ended {
        Ended::Reported(Report {
            outcome: Outcome::Rejected,
            response: "the provider has no inbound calls".to_owned(),
            connected: false,
            results: Vec::new(),
        })
    }

    /// The number of attempts that make sense at the same time.
    fn channels(&self) -> usize;

    /// The least time limit of an attempt, where the worker's usual one is too short.
    fn time_limit(&self) -> Duration {
        Duration::ZERO
    }

    /// Checks that the provider can send a message of an account that names this sender.
    ///
    /// # Errors
    /// The reason for which it cannot.
    fn accepts(&self, _sender: Option<&SenderAddress>) -> Result<(), &'static str> {
        Ok(())
    }

    /// The health of the remote side, for `/readyz` and the provider's status.
    fn health(&self) -> Health;

    /// Begins to pass what the remote side sends by itself to the inbox. Called once, and only in
    /// processes that run a worker; in others an adapter receives nothing.
    fn listen(&self, _inbox: Arc<dyn Inbox>) {}

    /// Closes the connections that are kept open.
    async fn close(&self) {}
}

/// The state of the remote side as its adapter knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// True if the last contact with the remote side succeeded; `None` before the first.
    pub reachable: Option<bool>,
    /// True if the adapter is registered (bound) there; `None` where it does not register.
    pub registered: Option<bool>,
    /// The last error, without addresses or secrets.
    pub last_error: Option<String>,
    /// The number of attempts in flight.
    pub in_flight: usize,
}

/// Counts an attempt in flight until it is dropped, also when it is cancelled half way.
pub(crate) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    pub fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
