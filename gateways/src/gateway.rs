//! The one trait that every adapter implements, and what passes through it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use domain::{
    Id,
    access::User,
    delivery::{OnReportTimeout, Outcome, SenderAddress, Spool as SpoolMark, SpoolResult, Transmission},
    people::Contact,
};
use tokio::time::{Duration, Instant};

use crate::{Content, inbox::Inbox};

/// An attempt ends this long before its deadline, so that its report is in time.
const MARGIN: Duration = Duration::from_millis(100);

/// One attempt, complete: nothing has to be looked up any more.
#[derive(Debug, Clone)]
pub struct Spool {
    /// The attempt's id.
    pub id: Id<SpoolMark>,
    /// What it is an attempt of.
    pub transmission: Id<Transmission>,
    /// Whose it is.
    pub owner: Id<User>,
    /// Who gets it.
    pub contact: Id<Contact>,
    /// Where it goes: a phone number or an email address.
    pub destination: String,
    /// What goes there.
    pub content: Content,
    /// Whether it is one of many.
    pub bulk: bool,
    /// When the attempt must have ended; an adapter gives up before that.
    pub deadline: Instant,
}

impl Spool {
    /// When an adapter gives up, so that its report is there before the deadline.
    pub(crate) fn until(&self) -> Instant {
        self.deadline.checked_sub(MARGIN).unwrap_or(self.deadline)
    }
}

/// The attempt must not go on: it has been started before, or the lease on it ran
/// out. The adapter drops it and reports [`Ended::NotOurs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the attempt belongs to someone else")]
pub struct NotOurs;

/// What an adapter says while it works.
#[async_trait]
pub trait Progress: Send + Sync {
    /// Puts the intent on record. An adapter calls it when its connection is ready
    /// and the attempt goes on the wire next, and touches the wire only on `Ok`.
    async fn start(&self) -> Result<(), NotOurs>;
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The class, decided here and nowhere else.
    pub outcome: Outcome,
    /// The remote side's words, or ours where it said nothing.
    pub response: String,
    /// Whether the remote side was spoken to.
    pub connected: bool,
    /// What was learned on the way.
    pub results: Vec<SpoolResult>,
}

/// That the remote side took it, and is to report later what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What the remote side calls the message, if it says.
    pub message_id: Option<String>,
    /// How long its report is awaited.
    pub patience: Duration,
    /// What holds if none comes.
    pub if_silent: OnReportTimeout,
    /// What was learned on the way.
    pub results: Vec<SpoolResult>,
}

/// How [`Gateway::attempt`] ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// With something to record.
    Reported(Report),
    /// Not yet: a report is to come.
    Accepted(Accepted),
    /// [`Progress::start`] said no; the wire was not touched.
    NotOurs,
    /// There is no room for this one for the moment, although there may be for others. The
    /// wire was not touched; it waits in the queue, and none of its tries is used up.
    NoRoom,
}

/// A way to deliver. One instance per provider; attempts run concurrently.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Makes one attempt. Never panics, never sends twice, and ends before
    /// `spool.deadline`.
    async fn attempt(&self, spool: &Spool, progress: &dyn Progress) -> Ended;

    /// How many attempts make sense at the same time.
    fn channels(&self) -> usize;

    /// How long an attempt may take at least, where that is more than usual.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    /// True if a message of an account that names this sender can leave by it.
    ///
    /// # Errors
    /// The reason for which it cannot.
    fn accepts(&self, _sender: Option<&SenderAddress>) -> Result<(), &'static str> {
        Ok(())
    }

    /// What `/readyz` and the provider's status say of it.
    fn health(&self) -> Health;

    /// From now on takes in what the remote side sends by itself. Called once, by the one
    /// who works; elsewhere an adapter only tells what there is.
    fn listen(&self, _inbox: Arc<dyn Inbox>) {}

    /// Closes what is kept open.
    async fn close(&self) {}
}

/// What an adapter knows of its remote side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether the last contact with the remote side went well; unknown before the first.
    pub reachable: Option<bool>,
    /// Whether one is registered there; unknown where one does not register.
    pub registered: Option<bool>,
    /// The last thing that went wrong, without addresses or secrets.
    pub last_error: Option<String>,
    /// Attempts under way.
    pub in_flight: usize,
}

/// Counts an attempt, for as long as it lasts; also one that is dropped half way.
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
