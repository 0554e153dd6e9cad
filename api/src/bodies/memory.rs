//! The memory for bodies, shared by all connections.
//!
//! A body reserves the memory that it may need before it is read, and the reservation lives until
//! the request is answered. Short bodies reserve nothing: there is one for each connection at most,
//! and connections are limited. The others wait in three lanes, each with memory of its own, so
//! that unauthenticated clients do not hold up callers, nor long bodies shorter ones. A body of a
//! length that is not announced changes lanes once, upwards, and nothing in a lane waits for a
//! lower one: there is no deadlock.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{Error, Result};

/// The most bytes of a body that reserves nothing.
const FREE: usize = 8 << 10;
/// The most bytes of a body that does not count as long.
pub(crate) const SHORT: usize = 64 << 10;
/// The unit in which memory is given out, in bytes.
const PIECE: usize = 1 << 10;
/// The factor by which a body counts: once as it came, once as it is parsed.
const COPIES: usize = 2;
/// Time limit of waiting for memory.
const WAIT: Duration = Duration::from_secs(5);
/// Bounds on the number of long bodies that are parsed at the same time.
const PARSERS: std::ops::RangeInclusive<usize> = 1..=4;

const FULL: Error = Error::Unavailable("too many large requests at once; try again");

/// The memory that bodies may take. Clones share it.
#[derive(Clone)]
pub(crate) struct BodyMemory(Arc<Lanes>);

struct Lanes {
    anonymous: Arc<Semaphore>,
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    /// The pieces of the lane of answers.
    all_answers: usize,
    parsers: Arc<Semaphore>,
}

/// The sender of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A client that is not authenticated yet.
    Anonymous,
    /// A caller with permission for the request.
    Caller,
}

/// Memory that is reserved until this is dropped.
pub(crate) struct Reserved {
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl BodyMemory {
    /// Divides the memory: an eighth for short bodies, an eighth for those of unauthenticated
    /// clients, a quarter for long answers, the rest for long bodies.
    pub fn new(bytes: usize) -> Self {
        let lane = |bytes: usize| Arc::new(Semaphore::new(pieces(bytes)));
        let processors = available_parallelism().map_or(1, usize::from);
        let parsers = processors.clamp(*PARSERS.start(), *PARSERS.end());
        Self(Arc::new(Lanes {
            anonymous: lane(bytes / 8),
            short: lane(bytes / 8),
            long: lane(bytes / 2),
            answers: lane(bytes / 4),
            all_answers: pieces(bytes / 4),
            parsers: Arc::new(Semaphore::new(parsers)),
        }))
    }

    /// Reserves memory for a body of this length, as soon as enough is free.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when none becomes free in time.
    pub async fn reserve(&self, lane: Lane, bytes: usize) -> Result<Reserved> {
        if bytes <= FREE {
            return Ok(Reserved {
                bytes: FREE,
                permit: None,
            });
        }
        let lane = match lane {
            Lane::Anonymous => &self.0.anonymous,
            Lane::Caller if bytes <= SHORT => &self.0.short,
            Lane::Caller => &self.0.long,
        };
        acquire(lane, bytes, pieces(bytes.saturating_mul(COPIES))).await
    }

    /// Reserves memory for an answer that is put together whole, twice its length while that is
    /// done. One that is larger than all of the lane has the lane alone.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when none becomes free in time.
    pub async fn reserve_answer(&self, bytes: usize) -> Result<Reserved> {
        let wanted = pieces(bytes.saturating_mul(COPIES)).min(self.0.all_answers);
        acquire(&self.0.answers, bytes, wanted).await
    }

    /// The length to reserve for a body that has grown to `length` and may grow on.
    pub fn step(length: usize, limit: usize) -> usize {
        if length <= SHORT {
            SHORT.min(limit)
        } else {
            limit
        }
    }

    /// Waits for a turn to parse a long body.
    pub async fn parser(&self) -> Result<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.0.parsers).acquire_owned().await;
        turn.map_err(|_| Error::Internal)
    }
}

impl Reserved {
    /// Gives back what an answer needed while it was put together; its length stays reserved
    /// until it has been sent.
    pub fn settle(&mut self) {
        if let Some(permit) = &mut self.permit {
            let spare = permit.num_permits().saturating_sub(pieces(self.bytes));
            drop(permit.split(spare));
        }
    }

    /// The length for which the reservation is enough.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The reservations of a request, in the request's extensions and with whoever waits for the
/// answer; dropping the last clone gives the memory back.
#[derive(Clone, Default)]
pub(crate) struct Hold(Arc<Mutex<Vec<Reserved>>>);

impl Hold {
    /// Adds a reservation.
    pub fn keep(&self, reserved: Reserved) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.push(reserved);
    }
}

/// Waits for so many pieces of a lane.
async fn acquire(lane: &Arc<Semaphore>, bytes: usize, wanted: usize) -> Result<Reserved> {
    let wanted = u32::try_from(wanted).map_err(|_| FULL)?;
    let permit = timeout(WAIT, Arc::clone(lane).acquire_many_owned(wanted)).await;
    let Ok(Ok(permit)) = permit else {
        metrics::counter!("ledgerline_bodies_refused_total").increment(1);
        return Err(FULL);
    };
    Ok(Reserved {
        bytes,
        permit: Some(permit),
    })
}

fn pieces(bytes: usize) -> usize {
    bytes.div_ceil(PIECE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = 16 << 20;

    fn long(memory: &BodyMemory) -> impl Future<Output = Result<Reserved>> {
        memory.reserve(Lane::Caller, 3 << 20)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_without_memory_is_refused_after_a_while() {
        let memory = BodyMemory::new(ALL);
        let first = long(&memory).await.unwrap();
        assert_eq!(long(&memory).await.err(), Some(FULL));
        drop(first);
        assert!(long(&memory).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn short_bodies_do_not_wait_behind_long_ones() {
        let memory = BodyMemory::new(ALL);
        let _first = long(&memory).await.unwrap();
        let waiting = long(&memory);
        tokio::pin!(waiting);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        for bytes in [100, FREE, SHORT] {
            let short = memory.reserve(Lane::Caller, bytes);
            tokio::pin!(short);
            assert!(futures::poll!(short).is_ready(), "{bytes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_hold_up_no_callers_and_no_short_bodies() {
        let memory = BodyMemory::new(ALL);
        let mut held = Vec::new();
        while let Ok(reserved) = memory.reserve(Lane::Anonymous, SHORT).await {
            held.push(reserved);
        }
        assert_eq!(held.len(), ALL / 8 / COPIES / SHORT);
        assert!(memory.reserve(Lane::Caller, SHORT).await.is_ok());
        assert!(memory.reserve(Lane::Anonymous, FREE).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn long_answers_wait_for_one_another_however_long_they_are() {
        let memory = BodyMemory::new(ALL);
        let first = memory.reserve_answer(ALL).await.unwrap();
        assert_eq!(memory.reserve_answer(1 << 20).await.err(), Some(FULL));
        assert!(
            long(&memory).await.is_ok(),
            "bodies have memory of their own"
        );
        drop(first);
        let mut put_together = memory.reserve_answer(2 << 20).await.unwrap();
        assert_eq!(memory.reserve_answer(1 << 20).await.err(), Some(FULL));
        put_together.settle();
        assert!(memory.reserve_answer(1 << 20).await.is_ok());
    }

    #[test]
    fn a_growing_body_reserves_twice() {
        assert_eq!(BodyMemory::step(10_000, 8 << 20), SHORT);
        assert_eq!(BodyMemory::step(SHORT + 1, 8 << 20), 8 << 20);
        assert_eq!(BodyMemory::step(10_000, 20_000), 20_000);
    }
}
