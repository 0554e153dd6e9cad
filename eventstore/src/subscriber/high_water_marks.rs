//! The positions of all subscribers: those that this process leads, and by their checkpoints
//! those led by others.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use metrics::gauge;
use sqlx::PgPool;
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use super::Subscriber;
use crate::{Log, Position, StoreError};

/// Interval of reading the checkpoints of subscribers led elsewhere while a request waits.
const POLL: Duration = Duration::from_millis(5);

/// Interval of reading the checkpoints after the database did not answer.
const POLL_AFTER_ERROR: Duration = Duration::from_millis(200);

/// The event at which a subscriber is stopped (a poison event), and the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The position of the event that could not be applied.
    pub position: Position,
    /// The error.
    pub error: String,
}

/// The status of a subscriber.
#[derive(Clone, Debug, PartialEq)]
pub struct SubscriberStatus {
    /// The name.
    pub name: &'static str,
    /// The position up to which events were applied.
    pub position: Position,
    /// The lag behind the log in positions, which is at least the number of events; 0 if only
    /// gaps are missing.
    pub lag_events: i64,
    /// The age of the first event that was not applied.
    pub lag_seconds: f64,
    /// True if this process leads the subscriber.
    pub leader: bool,
    /// The event at which it is stopped, if it is.
    pub stopped: Option<Stopped>,
}

/// The positions of the subscribers. One in every process.
#[derive(Clone)]
pub struct HighWaterMarks(Arc<Shared>);

struct Shared {
    log: Log,
    marks: Vec<Arc<HighWaterMark>>,
    poll: Arc<Poll>,
}

#[derive(Default)]
struct Poll {
    wanted: AtomicUsize,
    wake: Notify,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.poll.wake.notify_one();
    }
}

impl HighWaterMarks {
    /// Watches these subscribers, led by any process. Must be called inside a Tokio runtime.
    pub fn new(log: Log, subscribers: &[Arc<dyn Subscriber>]) -> Self {
        let marks = subscribers
            .iter()
            .map(|one| Arc::new(HighWaterMark::new(one.as_ref())));
        let shared = Arc::new(Shared {
            log,
            marks: marks.collect(),
            poll: Arc::default(),
        });
        tokio::spawn(poll(Arc::downgrade(&shared), shared.poll.clone()));
        Self(shared)
    }

    /// Waits until an event of an aggregate of this type at this position can be read; false if
    /// that takes longer than `limit`. Does not wait for subscribers that are stopped.
    pub async fn wait_for(
        &self,
        aggregate_type: &str,
        position: Position,
        limit: Duration,
    ) -> bool {
        let concerned = |mark: &&Arc<HighWaterMark>| {
            mark.follows.contains(&aggregate_type) && !mark.state.borrow().has_passed(position)
        };
        let behind: Vec<_> = self.0.marks.iter().filter(concerned).collect();
        if behind.is_empty() {
            return true;
        }
        let _waiting: Vec<_> = behind.iter().map(|mark| Waiting::on(mark, self)).collect();
        let passed = async {
            for mark in &behind {
                let mut state = mark.state.subscribe();
                if state.wait_for(|s| s.has_passed(position)).await.is_err() {
                    return;
                }
            }
        };
        timeout(limit, passed).await.is_ok()
    }

    /// As [`wait_for`](Self::wait_for), but false also if a subscriber of this type is stopped
    /// before this position.
    pub async fn reaches(&self, aggregate_type: &str, position: Position, limit: Duration) -> bool {
        self.wait_for(aggregate_type, position, limit).await
            && self.0.marks.iter().all(|mark| {
                !mark.follows.contains(&aggregate_type) || mark.state.borrow().position >= position
            })
    }

    /// The status of all subscribers, read from the database.
    pub async fn lag(&self) -> Result<Vec<SubscriberStatus>, StoreError> {
        let head = self.0.log.fresh_head().await?;
        self.0.refresh().await?;
        let mut statuses = Vec::with_capacity(self.0.marks.len());
        for mark in &self.0.marks {
            let state = mark.state.borrow().clone();
            let waiting_since = if head > state.position {
                age_of_next(self.0.log.pool(), state.position).await?
            } else {
                None
            };
            let status = SubscriberStatus {
                name: mark.name,
                position: state.position,
                lag_events: waiting_since.map_or(0, |_| head - state.position),
                lag_seconds: waiting_since.unwrap_or(0.0),
                leader: state.leader,
                stopped: state.stopped,
            };
            gauge!("ledgerline_projection_lag_seconds", "name" => mark.name)
                .set(status.lag_seconds);
            mark.measure(&status.stopped, status.position, head);
            statuses.push(status);
        }
        Ok(statuses)
    }

    pub(crate) fn mark(&self, name: &str) -> Option<Arc<HighWaterMark>> {
        self.0.marks.iter().find(|mark| mark.name == name).cloned()
    }
}

impl Shared {
    /// Reads the checkpoints of the subscribers that this process does not lead.
    async fn refresh(&self) -> Result<(), sqlx::Error> {
        let checkpoints: Vec<(String, Position, Option<Position>, Option<String>)> =
            sqlx::query_as(
                "select name, position, stopped_at_position, error from public.checkpoints",
            )
            .fetch_all(self.log.pool())
            .await?;
        for (name, position, stopped_at, error) in checkpoints {
            let Some(mark) = self.marks.iter().find(|mark| mark.name == name) else {
                continue;
            };
            let stopped = stopped_at.map(|position| Stopped {
                position,
                error: error.unwrap_or_default(),
            });
            mark.state.send_if_modified(|state| {
                let news = position > state.position || stopped != state.stopped;
                let news = news && !state.leader;
                if news {
                    state.position = state.position.max(position);
                    state.stopped = stopped;
                }
                news
            });
        }
        Ok(())
    }
}

/// Reads checkpoints while a request waits for a subscriber led elsewhere.
async fn poll(shared: Weak<Shared>, poll: Arc<Poll>) {
    loop {
        poll.wake.notified().await;
        while poll.wanted.load(Ordering::Acquire) > 0 {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            let pause = match shared.refresh().await {
                Ok(()) => POLL,
                Err(_) => POLL_AFTER_ERROR,
            };
            drop(shared);
            sleep(pause).await;
        }
        if shared.strong_count() == 0 {
            return;
        }
    }
}

/// The age in seconds of an event that was not applied, above which a subscriber is behind.
const BEHIND: f64 = 1.0;

/// True if this subscriber is behind the log in events of an aggregate type, by its checkpoint: then
/// a row that its tables lack may still be in the log. A checkpoint that has only events of other
/// types before it is saved later than the events pass.
///
/// # Errors
/// When the database does not answer.
pub async fn is_behind(pool: &PgPool, subscriber: &str, kind: &str) -> Result<bool, sqlx::Error> {
    let age: Option<f64> = sqlx::query_scalar(
        "select greatest(extract(epoch from now() - occurred_at), 0)::float8
         from public.events where position > coalesce(
           (select position from public.checkpoints where name = $1), 0)
           and aggregate_type = $2 order by position limit 1",
    )
    .bind(subscriber)
    .bind(kind)
    .fetch_optional(pool)
    .await?;
    Ok(age.is_some_and(|age| age > BEHIND))
}

async fn age_of_next(pool: &PgPool, position: Position) -> Result<Option<f64>, sqlx::Error> {
    sqlx::query_scalar(
        "select greatest(extract(epoch from now() - occurred_at), 0)::float8
         from public.events where position > $1 order by position limit 1",
    )
    .bind(position)
    .fetch_optional(pool)
    .await
}

/// The high-water mark of one subscriber.
pub(crate) struct HighWaterMark {
    name: &'static str,
    follows: &'static [&'static str],
    state: watch::Sender<State>,
    waiting: AtomicUsize,
    hurry: Notify,
}

#[derive(Clone, Debug, Default)]
struct State {
    position: Position,
    leader: bool,
    stopped: Option<Stopped>,
}

impl State {
    fn has_passed(&self, position: Position) -> bool {
        self.position >= position || self.stopped.is_some()
    }
}

impl HighWaterMark {
    fn new(subscriber: &dyn Subscriber) -> Self {
        Self {
            name: subscriber.name(),
            follows: subscriber.follows(),
            state: watch::Sender::default(),
            waiting: AtomicUsize::new(0),
            hurry: Notify::new(),
        }
    }

    /// Notes that this process leads the subscriber now, from this position.
    pub(crate) fn lead(&self, position: Position) {
        self.state.send_modify(|state| {
            state.leader = true;
            state.position = position;
        });
    }

    /// Notes that this process no longer leads the subscriber.
    pub(crate) fn leave(&self) {
        self.state.send_modify(|state| state.leader = false);
    }

    /// Notes that all events up to this position were applied.
    pub(crate) fn reach(&self, position: Position, head: Position) {
        self.state.send_modify(|state| {
            state.position = position;
            state.stopped = None;
        });
        self.measure(&None, position, head);
    }

    /// Notes that the subscriber is stopped; true if that was not known yet.
    pub(crate) fn stop(&self, stopped: Stopped, head: Position) -> bool {
        self.measure(&Some(stopped.clone()), stopped.position - 1, head);
        self.state.send_if_modified(|state| {
            let news = state.stopped.as_ref() != Some(&stopped);
            state.stopped = Some(stopped);
            news
        })
    }

    /// True if a request waits for this subscriber.
    pub(crate) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Waits until a request waits for this subscriber.
    pub(crate) async fn hurried(&self) {
        self.hurry.notified().await;
    }

    fn measure(&self, stopped: &Option<Stopped>, position: Position, head: Position) {
        let lag = (head - position).max(0);
        // The names are documented, and older than subscribers that are no read models.
        gauge!("ledgerline_projection_position", "name" => self.name).set(position as f64);
        gauge!("ledgerline_projection_lag_events", "name" => self.name).set(lag as f64);
        gauge!("ledgerline_projection_stopped", "name" => self.name)
            .set(f64::from(u8::from(stopped.is_some())));
    }
}

/// The guard of a wait on a mark, counted until it is dropped.
struct Waiting<'a> {
    mark: &'a HighWaterMark,
    poll: Option<&'a Poll>,
}

impl<'a> Waiting<'a> {
    fn on(mark: &'a HighWaterMark, marks: &'a HighWaterMarks) -> Self {
        mark.waiting.fetch_add(1, Ordering::AcqRel);
        mark.hurry.notify_one();
        let elsewhere = !mark.state.borrow().leader;
        let poll = elsewhere.then(|| marks.0.poll.as_ref());
        if let Some(poll) = poll {
            poll.wanted.fetch_add(1, Ordering::AcqRel);
            poll.wake.notify_one();
        }
        Self { mark, poll }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.mark.waiting.fetch_sub(1, Ordering::AcqRel);
        if let Some(poll) = self.poll {
            poll.wanted.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
