//! Subscriptions: the same events, in the same order, for every subscriber.
//!
//! One task follows the log's head. Events that this process appends are handed over directly;
//! events of other processes are read from the database after their NOTIFY and, as a safety
//! net, by a poll. The newest events stay in memory, so that they are read and decoded once for
//! all subscribers.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use domain::Subject;
use sqlx::PgPool;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    Locks, Position, Recorded, StoreError,
    kept::Kept,
    notices::{Notices, Topic},
    read::{COLUMNS, Reader, Row},
};

/// The number of events kept in memory: those of some seconds at full speed, so that a read
/// model that collects events and then writes them as a batch need not read them again.
const KEPT: usize = 65_536;
/// The most events that a subscriber gets at once.
const BATCH: usize = 1_000;
/// Interval of polling the database without a notice. A node that has not seen the log for a
/// second must refuse requests, so this stays well below a second.
const POLL: Duration = Duration::from_millis(250);

/// The log, for reading. One per process; clones share it.
#[derive(Clone, Debug)]
pub struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    reader: Reader,
    recent: Mutex<Recent>,
    head: watch::Sender<Position>,
    seen_at: Mutex<Instant>,
    /// The time at which the newest event of each aggregate type was received.
    changed_at: Mutex<HashMap<String, Instant>>,
    wake: Arc<Notify>,
    notices: Arc<Notices>,
    locks: Locks,
}

/// The newest events, without a gap.
#[derive(Debug, Default)]
struct Recent {
    /// Every event above this position, up to the head, is in `events`.
    after: Position,
    head: Position,
    events: VecDeque<Arc<Recorded>>,
}

impl Log {
    /// Starts following the log from its present head.
    pub(crate) async fn follow(reader: Reader) -> Result<Self, StoreError> {
        let head = newest(&reader.pool).await?;
        let notices = Notices::start(reader.pool.clone())?;
        let log = Self(Arc::new(Inner {
            recent: Mutex::new(Recent {
                after: head,
                head,
                events: VecDeque::new(),
            }),
            head: watch::Sender::new(head),
            seen_at: Mutex::new(Instant::now()),
            changed_at: Mutex::default(),
            wake: notices.heard(Topic::Events),
            notices,
            locks: Locks::start(&reader.pool),
            reader,
        }));
        tokio::spawn(follow_database(
            Arc::downgrade(&log.0),
            Arc::clone(&log.0.wake),
            log.pool().clone(),
        ));
        Ok(log)
    }

    /// The newest position that this process has seen.
    pub fn head(&self) -> Position {
        *self.0.head.borrow()
    }

    /// The newest position in the log, read from the database.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn fresh_head(&self) -> Result<Position, StoreError> {
        newest(&self.0.reader.pool).await
    }

    /// The latest moment as of which this process knows every event in the log.
    pub fn seen_at(&self) -> Instant {
        *lock(&self.0.seen_at)
    }

    /// True if no aggregate of this type changed after `since`, by a view of the log that is not
    /// older than `within`: an answer about them that was read at `since` still holds.
    pub fn is_unchanged(&self, aggregate_type: &str, since: Instant, within: Duration) -> bool {
        // The order matters: an event that is seen between the two reads must count as a change.
        let fresh = self.seen_at().elapsed() < within;
        let changed_at = lock(&self.0.changed_at).get(aggregate_type).copied();
        fresh && changed_at.is_none_or(|at| since > at)
    }

    /// The pool of connections that the log is read with.
    pub fn pool(&self) -> &PgPool {
        &self.0.reader.pool
    }

    /// The locks that this process may hold.
    pub fn locks(&self) -> &Locks {
        &self.0.locks
    }

    /// Subscribes to every event above this position.
    pub fn subscribe(&self, after: Position) -> Subscription {
        Subscription {
            log: self.clone(),
            position: after,
            head: self.0.head.subscribe(),
        }
    }

    /// Events above a position, at most `limit`, without waiting.
    ///
    /// # Errors
    /// When the database does not answer or an event cannot be read.
    pub async fn read(
        &self,
        after: Position,
        limit: i64,
    ) -> Result<Vec<Arc<Recorded>>, StoreError> {
        self.0.reader.after(after, limit).await
    }

    /// As [`Log::read`], for events of these aggregate types only.
    ///
    /// # Errors
    /// As [`Log::read`].
    pub async fn read_types(
        &self,
        types: &[&str],
        after: Position,
        limit: i64,
    ) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from events where aggregate_type = any($1) and position > $2 \
             order by position limit $3"
        );
        let query = sqlx::query_as::<_, Row>(&sql)
            .bind(types)
            .bind(after)
            .bind(limit);
        let rows = query.fetch_all(&self.0.reader.pool).await?;
        self.0.reader.recorded(self.pool(), rows).await
    }

    /// Takes events that this process has just appended, in an append that began at `asked_at`. If
    /// other processes appended in between, the events are left to the follower, which reads all
    /// of them in order.
    pub(crate) fn offer(&self, events: Vec<Arc<Recorded>>, asked_at: Instant) {
        let Some(first) = events.first() else { return };
        let mut recent = lock(&self.0.recent);
        if first.position == recent.head + 1 {
            self.0.push(&mut recent, events);
            drop(recent);
            // Appends are serial, and no event lies between the known head and these: this is as
            // good as a read of the database at `asked_at`.
            self.0.seen(asked_at);
        } else {
            drop(recent);
            self.0.wake.notify_one();
        }
        self.0.notices.tell(Topic::Events);
    }

    /// Notifies the other processes on a topic of another crate.
    pub fn tell(&self, topic: Topic) {
        self.0.notices.tell(topic);
    }

    /// The signal that another process sent a notice on this topic; a notice that comes while no
    /// task waits is kept.
    pub fn heard(&self, topic: Topic) -> Arc<Notify> {
        self.0.notices.heard(topic)
    }
}

impl Inner {
    /// Notes that every event in the log as of this moment is known.
    fn seen(&self, at: Instant) {
        let mut seen_at = lock(&self.seen_at);
        *seen_at = at.max(*seen_at);
    }

    /// Adds events that follow the head directly, and wakes the subscribers.
    fn push(&self, recent: &mut Recent, events: Vec<Arc<Recorded>>) {
        let (mut changed_at, now) = (lock(&self.changed_at), Instant::now());
        for event in events {
            if event.position <= recent.head {
                continue;
            }
            if event.event.erases() {
                let subject = Subject::new(&event.aggregate_type, event.aggregate_id);
                self.reader.keys.forget(&subject);
            }
            match changed_at.get_mut(&event.aggregate_type) {
                Some(at) => *at = now,
                None => drop(changed_at.insert(event.aggregate_type.clone(), now)),
            }
            recent.head = event.position;
            recent.events.push_back(event);
        }
        while recent.events.len() > KEPT {
            if let Some(oldest) = recent.events.pop_front() {
                recent.after = oldest.position;
            }
        }
        drop(changed_at);
        self.head.send_replace(recent.head);
    }
}

/// A subscriber's position in the log; each subscriber reads at its own pace.
#[derive(Debug)]
pub struct Subscription {
    log: Log,
    position: Position,
    head: watch::Receiver<Position>,
}

impl Subscription {
    /// The position of the last event that was handed out.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Continues from another position.
    pub fn seek(&mut self, to: Position) {
        self.position = to;
    }

    /// The next events, at least one and at most 1,000, in order; waits for them.
    ///
    /// # Errors
    /// When the database does not answer or an event cannot be read. The position
    /// stays, so that the same call can be made again.
    pub async fn next(&mut self) -> Result<Vec<Arc<Recorded>>, StoreError> {
        self.next_up_to(BATCH).await
    }

    /// As [`Subscription::next`], with at most `most` events.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn next_up_to(&mut self, most: usize) -> Result<Vec<Arc<Recorded>>, StoreError> {
        loop {
            self.head.borrow_and_update();
            let events = self.ready(most).await?;
            if let Some(last) = events.last() {
                self.position = last.position;
                return Ok(events);
            }
            self.head.changed().await.map_err(|_| StoreError::Closed)?;
        }
    }

    /// As [`Subscription::next_up_to`], without waiting: empty if there are none.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn ready_up_to(&mut self, most: usize) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let events = self.ready(most).await?;
        if let Some(last) = events.last() {
            self.position = last.position;
        }
        Ok(events)
    }

    async fn ready(&self, most: usize) -> Result<Vec<Arc<Recorded>>, StoreError> {
        {
            let recent = lock(&self.log.0.recent);
            if self.position >= recent.head {
                return Ok(Vec::new());
            }
            if self.position >= recent.after {
                let first = recent
                    .events
                    .partition_point(|event| event.position <= self.position);
                return Ok(recent
                    .events
                    .iter()
                    .skip(first)
                    .take(most)
                    .cloned()
                    .collect());
            }
        }
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.log.0.reader.after(self.position, most).await
    }
}

async fn newest(pool: &PgPool) -> Result<Position, StoreError> {
    let sql = "select coalesce(max(position), 0) from events";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

/// Reads new events until the last [`Log`] is dropped, to which it holds a weak reference. Keeps
/// a connection of its own: if it had to wait for one behind the requests, the process would
/// not see the log in time and refuse requests.
async fn follow_database(inner: Weak<Inner>, wake: Arc<Notify>, pool: PgPool) {
    let mut closed = pool.close_event();
    let mut db = Kept::new(pool);
    loop {
        let Some(log) = inner.upgrade() else { return };
        let head = lock(&log.recent).head;
        let asked_at = Instant::now();
        let events = read_on(&mut db, &log.reader, head).await;
        let more = match db.checked(events) {
            Ok(events) => {
                let more = events.len() == BATCH;
                log.push(&mut lock(&log.recent), events);
                if !more {
                    log.seen(asked_at);
                }
                more
            }
            // The process is stopping.
            Err(_) if log.reader.pool.is_closed() => return,
            Err(error) => {
                tracing::warn!(%error, "the log cannot be read");
                false
            }
        };
        drop(log);
        if !more {
            // A time-out is the ordinary case: then the database is polled.
            let woken = tokio::time::timeout(POLL, wake.notified());
            if closed.do_until(woken).await.is_err() {
                return;
            }
        }
    }
}

async fn read_on(
    db: &mut Kept,
    reader: &Reader,
    head: Position,
) -> Result<Vec<Arc<Recorded>>, StoreError> {
    let db = db.get().await?;
    reader.after_on(db, head, BATCH as i64).await
}

/// Locks a mutex, also after a panic: every change under these locks is one step, so the data
/// is consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
