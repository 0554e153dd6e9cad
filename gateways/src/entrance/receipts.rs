//! Delivery receipts that name a message by the message centre's id: their attempts are
//! looked up and the outcomes recorded, many together.

use std::{collections::HashMap, time::Duration};

use batching::{Batcher, Pending};
use commands::CommandError;
use cqrs_es::Aggregate as _;
use dispatch::queue::{self, Named};
use domain::{
    Id,
    delivery::{Provider, Transmission},
};
use eventstore::subscriber::is_behind;
use quick_cache::sync::Cache;
use sqlx::PgPool;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    InboundAnswer,
    entrance::{Rejection, TRY_LATER},
    reports::{About, Noted, ReportedOutcome, Reports},
};

/// The most receipts that are recorded together, and the capacity of the channel to it.
const BATCH: usize = 500;
/// The time for which a receipt waits for its attempt: it may be faster than the response to
/// the submission.
const RECORD_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of recorded receipts that are remembered: a message centre that missed our
/// answer sends its receipt again, when its attempt does not await it any more.
const REMEMBERED: usize = 10_000;
/// The number of unmatched receipts that are remembered: those of a minute, at a thousand
/// a second.
const UNKNOWN: usize = 60_000;
/// The interval at which the attempts of waiting receipts are looked up again.
const AGAIN: Duration = Duration::from_millis(50);
/// That interval while more than [`BATCH`] receipts wait.
const AGAIN_IF_MANY: Duration = Duration::from_millis(500);
/// The most receipts that wait for their attempt. Those beyond are deferred
/// ([`InboundAnswer::Retry`]).
const WAITING: usize = 5_000;
/// The time for which a redelivered unmatched receipt is deferred before it is rejected: its
/// message may have been accepted, and that not be on record yet.
const GRACE: Duration = Duration::from_secs(60);

/// A handle to the task that records delivery receipts. Clones share the task.
#[derive(Clone, Debug)]
pub(crate) struct Receipts(Batcher<Receipt, InboundAnswer>);

type PendingReceipt = Pending<Receipt, InboundAnswer>;

#[derive(Debug)]
struct Receipt {
    provider: Id<Provider>,
    message_id: String,
    said: ReportedOutcome,
    come: Instant,
}

impl Receipts {
    /// Starts the task; it runs until the last clone is dropped.
    pub fn start(pool: PgPool, reports: Reports) -> Self {
        let (batcher, receiver) = Batcher::channel(BATCH);
        let recorder = Recorder {
            pool,
            reports,
            told: Cache::new(REMEMBERED),
            unknown: Cache::new(UNKNOWN),
        };
        tokio::spawn(recorder.work(receiver));
        Self(batcher)
    }

    /// Records a receipt; answers when it is on record, or that it is not.
    pub async fn tell(
        &self,
        provider: Id<Provider>,
        message_id: String,
        said: ReportedOutcome,
    ) -> InboundAnswer {
        let receipt = Receipt {
            provider,
            message_id,
            said,
            come: Instant::now(),
        };
        self.0
            .ask(receipt)
            .await
            .unwrap_or(InboundAnswer::Retry(TRY_LATER))
    }
}

type Name = (Id<Provider>, String);

struct Recorder {
    pool: PgPool,
    reports: Reports,
    told: Cache<Name, ()>,
    /// The unmatched receipts, and since when each is.
    unknown: Cache<Name, Instant>,
}

impl Recorder {
    async fn work(self, mut receiver: mpsc::Receiver<PendingReceipt>) {
        let (mut waiting, mut again) = (Vec::new(), Instant::now());
        loop {
            let mut come = Vec::new();
            let more = receiver.recv_many(&mut come, BATCH);
            let count = if waiting.is_empty() {
                Ok(more.await)
            } else {
                tokio::time::timeout_at(again, more).await
            };
            if count == Ok(0) {
                return;
            }
            // New receipts are not held up by waiting ones.
            if Instant::now() >= again {
                come.append(&mut waiting);
            }
            match self.tell(come).await {
                Ok(rest) => waiting.extend(rest),
                // The senders of these receipts are answered `Retry`, and send them again.
                Err(error) => tracing::warn!(%error, "reports could not be recorded"),
            }
            waiting.truncate(WAITING);
            if Instant::now() >= again {
                let pause = if waiting.len() > BATCH {
                    AGAIN_IF_MANY
                } else {
                    AGAIN
                };
                again = Instant::now() + pause;
            }
        }
    }

    /// Records the receipts whose attempt is known and answers those that have waited too long;
    /// returns the rest, which still has time to wait.
    async fn tell(
        &self,
        receipts: Vec<PendingReceipt>,
    ) -> Result<Vec<PendingReceipt>, CommandError> {
        let attempts = self.attempts(&receipts).await?;
        let mut behind = None;
        let mut rest = Vec::new();
        let (mut told, mut answers) = (Vec::new(), Vec::new());
        for pending in receipts {
            let receipt = &pending.request;
            let name = (receipt.provider, receipt.message_id.clone());
            match attempts.get(&name) {
                Some(about) => {
                    told.push((*about, pending.request.said));
                    answers.push((name, pending.answer));
                }
                None if self.told.get(&name).is_some() => {
                    let _ = pending.answer.send(InboundAnswer::Ack(None));
                }
                None if receipt.come.elapsed() < RECORD_TIMEOUT => rest.push(pending),
                None if self.may_be_known_yet(&name, &mut behind).await? => {
                    let _ = pending.answer.send(InboundAnswer::Retry(TRY_LATER));
                }
                None => {
                    metrics::counter!("ledgerline_reports_unknown_total").increment(1);
                    tracing::info!(
                        provider.id = %receipt.provider,
                        "a report on a message that is not awaited"
                    );
                    let reason = Rejection::NotAwaited("no attempt waits for it");
                    let _ = pending.answer.send(InboundAnswer::Reject(reason));
                }
            }
        }
        let noted = self.reports.record(told).await?;
        for (noted, (name, answer)) in noted.into_iter().zip(answers) {
            let taken = match noted {
                Noted::Yes | Noted::NoSuch => InboundAnswer::Ack(None),
                Noted::TooEarly => InboundAnswer::Retry(TRY_LATER),
            };
            if taken.is_ack() {
                self.told.insert(name, ());
            }
            let _ = answer.send(taken);
        }
        Ok(rest)
    }

    async fn may_be_known_yet(
        &self,
        name: &Name,
        behind: &mut Option<bool>,
    ) -> Result<bool, CommandError> {
        let Some(since) = self.unknown.get(name) else {
            self.unknown.insert(name.clone(), Instant::now());
            return Ok(true);
        };
        Ok(since.elapsed() < GRACE || self.is_behind(behind).await?)
    }

    /// True if the queue's feed is behind the log, so that a receipt's attempt may not be known
    /// yet; looked up once for many receipts.
    async fn is_behind(&self, known: &mut Option<bool>) -> Result<bool, CommandError> {
        if let Some(known) = known {
            return Ok(*known);
        }
        let found = is_behind(&self.pool, "dispatch", Transmission::TYPE).await;
        let found = found.map_err(|error| CommandError::Store(error.into()))?;
        Ok(*known.insert(found))
    }

    async fn attempts(
        &self,
        receipts: &[PendingReceipt],
    ) -> Result<HashMap<Name, About>, CommandError> {
        let wanted: Vec<_> = receipts
            .iter()
            .map(|it| (it.request.provider.get(), it.request.message_id.clone()))
            .collect();
        let named = queue::named(&self.pool, &wanted)
            .await
            .map_err(|error| CommandError::Store(error.into()))?;
        let about = |named: Named| {
            let provider = Id::new(named.provider_id);
            let about = About {
                provider,
                transmission: Id::new(named.transmission_id),
                spool: Id::new(named.spool_id),
            };
            ((provider, named.message_id), about)
        };
        Ok(named.into_iter().map(about).collect())
    }
}
