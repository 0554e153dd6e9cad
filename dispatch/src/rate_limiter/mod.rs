//! The rate limiter: paces and rate limits that hold over all workers together.
//!
//! Postgres hands out slots ([`slots`](crate::slots)). The rate limiter takes them for all waiters
//! of a key at a time, and gives each, when it begins, to the first in line: single sends before
//! those of campaigns. A start that comes too late for its slot waits for another one; the slot is
//! lost, so that a delay is never caught up with.

mod clock_offset;
mod reserved_slots;
mod source;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::slots::Wish;
use domain::delivery::Spacing;
use sqlx::PgPool;
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep_until},
};
use two_lanes::{Lane, TwoLanes};

pub use self::clock_offset::Window;
use self::{clock_offset::ClockOffset, reserved_slots::ReservedSlots, source::Source};

/// The time ahead for which slots are taken.
pub const HORIZON: Duration = Duration::from_secs(1);
/// The time before its slot at which a waiter that was sent away is to come again: the slot
/// is then within [`HORIZON`], and a waiter that comes a little late still gets it.
const EARLY: Duration = Duration::from_millis(900);
/// The pause before a waiter comes again while the database does not answer.
const NO_ANSWER_PAUSE: Duration = Duration::from_millis(500);
/// More slots are taken when the reserved ones last no longer than this and four leads.
const SPARE: Duration = Duration::from_millis(5);
/// The most slots that are taken at once.
const MOST_AT_ONCE: usize = 100_000;

/// The answer of the rate limiter, in tests.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// Start now: the time of this answer counts.
    Now,
    /// The next slot is more than [`HORIZON`] away: ask again after this time.
    Later(Duration),
}

/// The rate limiter of a worker; clones share it.
#[derive(Clone)]
pub struct RateLimiter(Arc<Inner>);

struct Inner {
    source: Box<dyn Source>,
    lines: Mutex<HashMap<String, Line>>,
    clock_offset: Mutex<ClockOffset>,
}

/// The waiters of one key.
struct Line {
    spacing: Spacing,
    waiters: TwoLanes<oneshot::Sender<Grant>>,
    changed: Arc<Notify>,
}

enum Grant {
    Slot(Window),
    Later(Duration),
}

/// The slots taken for a key.
struct Taken {
    /// The number of slots that were asked for.
    wanted: usize,
    slots: Vec<Window>,
    /// The time from now until the slot after these.
    next: Duration,
    /// The time between further slots.
    spacing: Duration,
}

type Asking = Pin<Box<dyn Future<Output = Result<Taken, sqlx::Error>> + Send>>;

impl RateLimiter {
    /// A rate limiter with the slots of this database.
    pub fn new(pool: PgPool) -> Self {
        Self::from(Box::new(pool))
    }

    fn from(source: Box<dyn Source>) -> Self {
        Self(Arc::new(Inner {
            source,
            lines: Mutex::default(),
            clock_offset: Mutex::new(ClockOffset::new()),
        }))
    }

    #[cfg(test)]
    async fn pass(&self, key: &str, spacing: Spacing, bulk: bool) -> Passed {
        match self.pass_until(key, spacing, bulk, false).await {
            Ok(_) => Passed::Now,
            Err(pause) => Passed::Later(pause),
        }
    }

    /// Waits for a slot of this key, such as `provider/7`, until it begins. Every worker must name
    /// the same spacing for a key; where it changes, the last one named holds, also for slots that
    /// were taken before. `bulk` waiters stand behind all others; a waiter that comes `again`,
    /// because it lost its slot, goes first. Can be cancelled at any time. Returns the slot: a
    /// start after its end needs another one.
    ///
    /// # Errors
    /// The time after which to ask again, if the next slot is more than [`HORIZON`] away or the
    /// database does not answer.
    pub async fn pass_until(
        &self,
        key: &str,
        spacing: Spacing,
        bulk: bool,
        mut again: bool,
    ) -> Result<Window, Duration> {
        loop {
            match self.enter(key, spacing, bulk, again).await {
                Ok(Grant::Slot(window)) if Instant::now() <= window.until => {
                    return Ok(window);
                }
                Ok(Grant::Slot(_)) => {
                    metrics::counter!("ledgerline_slots_missed_total").increment(1);
                    again = true;
                }
                Ok(Grant::Later(pause)) => return Err(pause),
                // The line's own task went down with the runtime.
                Err(_) => return Err(NO_ANSWER_PAUSE),
            }
        }
    }

    /// Adds a waiter to the line: at its head if it comes again.
    fn enter(
        &self,
        key: &str,
        spacing: Spacing,
        bulk: bool,
        again: bool,
    ) -> oneshot::Receiver<Grant> {
        let (waiter, answer) = oneshot::channel();
        let mut lines = lock(&self.0.lines);
        let line = lines.entry(key.to_owned()).or_insert_with(|| {
            let changed = Arc::new(Notify::new());
            tokio::spawn(serve(
                Arc::clone(&self.0),
                key.to_owned(),
                Arc::clone(&changed),
            ));
            Line {
                spacing,
                waiters: TwoLanes::default(),
                changed,
            }
        });
        line.spacing = spacing;
        let lane = Lane::bulk_if(bulk);
        if again {
            line.waiters.push_front(lane, waiter)
        } else {
            line.waiters.push_back(lane, waiter)
        }
        line.changed.notify_one();
        answer
    }
}

/// Serves a line as long as it has a waiter or a reserved slot.
async fn serve(inner: Arc<Inner>, key: String, changed: Arc<Notify>) {
    let mut slots = ReservedSlots::default();
    let mut asking: Option<Asking> = None;
    loop {
        inner.hand_out(&key, &mut slots);
        if asking.is_none() {
            match inner.missing(&key, &slots) {
                Missing::Nobody => return,
                Missing::None => {}
                Missing::Slots(count, spacing) => {
                    let ask = Arc::clone(&inner).ask(key.clone(), spacing, count);
                    asking = Some(Box::pin(ask));
                }
            }
        }
        let next = slots.next();
        tokio::select! {
            taken = answered(&mut asking) => {
                asking = None;
                inner.taken(&key, taken, &mut slots);
            }
            () = reached(next) => {}
            () = changed.notified() => {}
        }
    }
}

async fn answered(asking: &mut Option<Asking>) -> Result<Taken, sqlx::Error> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

async fn reached(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

enum Missing {
    /// The line has no waiter and no reserved slot, and was removed.
    Nobody,
    None,
    Slots(usize, Spacing),
}

impl Inner {
    /// Gives the slots that have begun to the waiters.
    fn hand_out(&self, key: &str, slots: &mut ReservedSlots) {
        let now = Instant::now();
        let mut lines = lock(&self.lines);
        if let Some(line) = lines.get(key) {
            slots.widen(line.spacing);
        }
        while let Some(slot) = slots.begun(now) {
            let mut answer = Grant::Slot(slot);
            // A waiter that has gone leaves its slot to the next.
            while let Some(waiter) = lines.get_mut(key).and_then(|line| line.waiters.pop_first()) {
                match waiter.send(answer) {
                    Ok(()) => break,
                    Err(back) => answer = back,
                }
            }
        }
    }

    /// The slots that the waiters need beside the reserved ones. While these last for some time
    /// none are asked for, so that many are asked for at once.
    fn missing(&self, key: &str, slots: &ReservedSlots) -> Missing {
        let soon = Instant::now() + SPARE + lock(&self.clock_offset).lead() * 4;
        let mut lines = lock(&self.lines);
        let Some(line) = lines.get_mut(key) else {
            return Missing::Nobody;
        };
        line.waiters.forget_gone();
        if line.waiters.is_empty() && slots.len() == 0 {
            lines.remove(key);
            return Missing::Nobody;
        }
        let enough = slots.end().is_some_and(|last| last > soon);
        match line.waiters.len().saturating_sub(slots.len()) {
            0 => Missing::None,
            _ if enough => Missing::None,
            count => Missing::Slots(count.min(MOST_AT_ONCE), line.spacing),
        }
    }

    async fn ask(
        self: Arc<Self>,
        key: String,
        spacing: Spacing,
        wanted: usize,
    ) -> Result<Taken, sqlx::Error> {
        let wish = Wish {
            spacing: spacing.duration(),
            count: u32::try_from(wanted).unwrap_or(u32::MAX),
            lead: lock(&self.clock_offset).lead(),
            horizon: HORIZON,
        };
        let sent = Instant::now();
        let answer = self.source.take(&key, wish).await?;
        let received = Instant::now();
        let mut clock_offset = lock(&self.clock_offset);
        clock_offset.seen(sent, received, answer.now);
        let nanos = wish.spacing.as_nanos() as f64;
        let begins = |n: i64| answer.first + (n as f64 * nanos / 1_000.0) as i64;
        let next = begins(answer.count) - answer.now;
        Ok(Taken {
            wanted,
            slots: (0..answer.count)
                .map(|n| clock_offset.window(begins(n), spacing))
                .collect(),
            next: Duration::from_micros(u64::try_from(next).unwrap_or_default()),
            spacing: wish.spacing,
        })
    }

    /// Reserves the slots taken; waiters for whom there are none are sent away.
    fn taken(&self, key: &str, taken: Result<Taken, sqlx::Error>, slots: &mut ReservedSlots) {
        let mut lines = lock(&self.lines);
        let Some(line) = lines.get_mut(key) else {
            return;
        };
        line.waiters.forget_gone();
        match taken {
            Ok(taken) => {
                let enough = taken.slots.len() >= taken.wanted;
                slots.extend(taken.slots);
                if !enough {
                    let early = taken.next.saturating_sub(EARLY);
                    line.dismiss(slots.len(), |place| {
                        early + taken.spacing.saturating_mul(place)
                    });
                }
            }
            Err(error) => {
                tracing::warn!(%error, rate_limiter.key = key, "slots cannot be reserved");
                line.dismiss(slots.len(), |_| NO_ANSWER_PAUSE);
            }
        }
    }
}

impl Line {
    /// Sends away all waiters but the first `stay`, each with a pause by its place after them.
    fn dismiss(&mut self, stay: usize, pause: impl Fn(u32) -> Duration) {
        for place in (0..self.waiters.len().saturating_sub(stay)).rev() {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            if let Some(waiter) = self.waiters.pop_last() {
                // A waiter that has gone meanwhile needs no answer.
                let _ = waiter.send(Grant::Later(pause(place)));
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
