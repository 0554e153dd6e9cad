//! The live part of an attempt: what a call or fax reports while it lasts, appended beside it.
//!
//! Nothing of this costs a message anything: its adapter reports once, at the end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use domain::{
    Id,
    delivery::{SpoolProgress, SpoolResult, TransmissionCommand},
};
use eventstore::clock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    attempt::Attempt,
    hangups::{Call, Calls, Cancellation},
};

/// The reports of an attempt, and the task that appends them as long as it lasts.
#[derive(Default)]
pub(super) struct Live {
    told: Mutex<Told>,
    news: Notify,
    /// Set when the attempt must end.
    pub cancellation: Cancellation,
}

/// The part of the reports that is not on record.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// The time at which the remote side answered.
    pub connected_at: Option<DateTime<Utc>>,
    /// The number of results on record.
    before: usize,
    /// The results after those.
    pub results: Vec<SpoolResult>,
    /// The time at which the attempt ended.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Live {
    /// Notes that the remote side answers now.
    pub fn connected(&self) {
        self.lock().connected_at.get_or_insert_with(clock::now);
        self.news.notify_one();
    }

    /// Notes results.
    pub fn result(&self, mut results: Vec<SpoolResult>) {
        self.lock().results.append(&mut results);
        self.news.notify_one();
    }

    /// Makes the attempt known as a call that can be hung up, until this is dropped.
    pub fn enter<'c>(&self, calls: &'c Calls, spool: i64) -> Call<'c> {
        calls.enter(spool, Arc::clone(&self.cancellation))
    }

    /// Runs an attempt that lasts: it can be hung up, and what it reports is put on record. An
    /// append that has begun is finished before the end is recorded, so that nothing is recorded
    /// twice.
    pub async fn follow<T>(&self, attempt: &Attempt, session: impl Future<Output = T>) -> T {
        let _call = self.enter(&attempt.shared.calls, attempt.job.spool_id);
        let over = CancellationToken::new();
        let session = async {
            let ended = session.await;
            self.lock().ended_at = Some(clock::now());
            over.cancel();
            ended
        };
        let (ended, ()) = tokio::join!(session, self.record(attempt, &over));
        ended
    }

    /// The reports that are not on record.
    pub fn rest(&self) -> Told {
        self.lock().clone()
    }

    async fn record(&self, attempt: &Attempt, over: &CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = over.cancelled() => return,
                () = self.news.notified() => {}
            }
            let told = self.rest();
            let count = told.results.len();
            attempt.progress(told.progress(attempt)).await;
            let mut told = self.lock();
            told.before += count;
            told.results.drain(..count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn progress(self, attempt: &Attempt) -> TransmissionCommand {
        TransmissionCommand::Progress(SpoolProgress {
            spool: Id::new(attempt.job.spool_id),
            connected_at: self.connected_at,
            before: self.before,
            results: self.results,
        })
    }
}
