//! Observers: followers of the log that keep their state in memory, made anew at each start and
//! without a checkpoint.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, sleep, timeout};

use crate::{Log, Position, Recorded, StoreError, Subscription};

/// Interval of telling an observer how far it is while no events come, and pause after an error;
/// well below a second, after which a node that does not see the log must refuse requests.
const TICK: Duration = Duration::from_millis(200);
/// The most events of a read before the log is followed.
const BATCH: i64 = 1_000;

/// A follower of the log in the memory of this process, such as a cache or a wake-up.
#[async_trait]
pub trait Observer: Send + 'static {
    /// The name, for the log of the program.
    fn name(&self) -> &'static str;

    /// The aggregate types whose events it needs.
    fn needs(&self) -> &'static [&'static str];

    /// Takes in events of these types, in order.
    ///
    /// # Errors
    /// When it cannot: the same events come again.
    async fn observe(&mut self, events: &[Arc<Recorded>]) -> Result<(), StoreError>;

    /// Called after each batch, and several times a second without events: all events up to
    /// `position` were taken in, which at `complete_at`, if given, was the whole log.
    fn reached(&mut self, _position: Position, _complete_at: Option<Instant>) {}
}

/// Has an observer take in the events of its types that are in the log; answers the position up
/// to which it has.
///
/// # Errors
/// When the log cannot be read, or the observer's error.
pub async fn read_on(log: &Log, observer: &mut impl Observer) -> Result<Position, StoreError> {
    let head = log.fresh_head().await?;
    let mut after = 0;
    loop {
        let events = log.read_types(observer.needs(), after, BATCH).await?;
        let Some(last) = events.last() else {
            return Ok(head.max(after));
        };
        after = last.position;
        observer.observe(&events).await?;
    }
}

/// Follows the log with an observer from a position on, until the log is closed.
pub async fn observe(log: Log, from: Position, mut observer: impl Observer) {
    let mut subscription = log.subscribe(from);
    loop {
        let (seen_at, head) = (log.seen_at(), log.head());
        let before = subscription.position();
        let result = match next(&mut subscription).await {
            Ok(events) => take_in(&mut observer, events).await,
            Err(StoreError::Closed) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            tracing::error!(observer = observer.name(), %error, "the log cannot be followed");
            subscription.seek(before);
            sleep(TICK).await;
            continue;
        }
        let position = subscription.position();
        observer.reached(position, (position >= head).then_some(seen_at));
    }
}

/// The events that are there, in a read that is never cut off, or those that come within a
/// [`TICK`].
async fn next(subscription: &mut Subscription) -> Result<Vec<Arc<Recorded>>, StoreError> {
    let ready = subscription.ready_up_to(BATCH as usize).await?;
    if !ready.is_empty() {
        return Ok(ready);
    }
    // A batch that is cut off here is read by the next call.
    match timeout(TICK, subscription.next()).await {
        Ok(next) => next,
        Err(_nothing_new) => Ok(Vec::new()),
    }
}

async fn take_in(
    observer: &mut impl Observer,
    mut events: Vec<Arc<Recorded>>,
) -> Result<(), StoreError> {
    events.retain(|event| observer.needs().contains(&event.aggregate_type.as_str()));
    if events.is_empty() {
        return Ok(());
    }
    observer.observe(&events).await
}
