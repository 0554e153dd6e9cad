//! Reports that name a message as the message centre does: their attempts are looked up
//! and told, many together.

use std::{collections::HashMap, time::Duration};

use commands::CommandError;
use domain::{Id, delivery::Provider};
use projections::{
    delivery::queue::{self, Named},
    is_behind,
};
use quick_cache::sync::Cache;
use sqlx::PgPool;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    inbox::Ingested,
    reports::{About, Noted, Reports, Said},
};

/// How many are told together, and how many may wait.
const BATCH: usize = 500;
/// How long one waits for its attempt: a report may be faster than the answer to what it is
/// about.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many that were told are remembered: a message centre that missed our answer sends
/// its report again, when nobody waits for it any more.
const REMEMBERED: usize = 10_000;
/// How many that nobody waited for are remembered: those of a minute, at a thousand a second.
const UNKNOWN: usize = 60_000;
/// When those are looked for again, and when if they are many.
const AGAIN: Duration = Duration::from_millis(50);
const AGAIN_IF_MANY: Duration = Duration::from_millis(500);
/// How many may wait for their attempt. Those beyond are put off.
const WAITING: usize = 5_000;
/// For how long one that keeps coming is put off before it is refused for good: what it is
/// about may be taken, and not on record yet.
const GRACE: Duration = Duration::from_secs(60);

/// A way to tell what became of messages. Clones lead to the same place.
#[derive(Clone, Debug)]
pub(crate) struct Receipts(mpsc::Sender<Receipt>);

#[derive(Debug)]
struct Receipt {
    provider: Id<Provider>,
    message_id: String,
    said: Said,
    come: Instant,
    answer: oneshot::Sender<Ingested>,
}

impl Receipts {
    /// Starts to take them in, until the last clone is gone.
    pub fn start(pool: PgPool, reports: Reports) -> Self {
        let (sender, receiver) = mpsc::channel(BATCH);
        let desk = Desk {
            pool,
            reports,
            told: Cache::new(REMEMBERED),
            unknown: Cache::new(UNKNOWN),
        };
        tokio::spawn(desk.work(receiver));
        Self(sender)
    }

    /// Tells one; answers when it is on record.
    pub async fn tell(&self, provider: Id<Provider>, message_id: String, said: Said) -> Ingested {
        let (answer, told) = oneshot::channel();
        let receipt = Receipt {
            provider,
            message_id,
            said,
            come: Instant::now(),
            answer,
        };
        match self.0.send(receipt).await {
            Ok(()) => told.await.unwrap_or(Ingested::Retry),
            Err(_) => Ingested::Retry,
        }
    }
}

type Name = (Id<Provider>, String);

struct Desk {
    pool: PgPool,
    reports: Reports,
    told: Cache<Name, ()>,
    /// Those whose attempt was looked for in vain, and since when.
    unknown: Cache<Name, Instant>,
}

impl Desk {
    async fn work(self, mut receiver: mpsc::Receiver<Receipt>) {
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
            // What just came is not held up by what waits.
            if Instant::now() >= again {
                come.append(&mut waiting);
            }
            match self.tell(come).await {
                Ok(rest) => waiting.extend(rest),
                // Whoever waited is answered "later" and sends it again.
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

    /// Tells those whose attempt is known; the rest, as far as it has time.
    async fn tell(&self, receipts: Vec<Receipt>) -> Result<Vec<Receipt>, CommandError> {
        let attempts = self.attempts(&receipts).await?;
        let mut behind = None;
        let mut rest = Vec::new();
        let (mut told, mut answers) = (Vec::new(), Vec::new());
        for receipt in receipts {
            let name = (receipt.provider, receipt.message_id.clone());
            match attempts.get(&name) {
                Some(about) => {
                    told.push((*about, receipt.said));
                    answers.push((name, receipt.answer));
                }
                None if self.told.get(&name).is_some() => {
                    let _ = receipt.answer.send(Ingested::Ack);
                }
                None if receipt.come.elapsed() < PATIENCE => rest.push(receipt),
                None if self.may_be_known_yet(&name, &mut behind).await? => {
                    let _ = receipt.answer.send(Ingested::Retry);
                }
                None => {
                    metrics::counter!("ledgerline_reports_unknown_total").increment(1);
                    tracing::info!(
                        provider.id = %receipt.provider,
                        "a report on a message that is not awaited"
                    );
                    let reason = "no attempt waits for it";
                    let _ = receipt.answer.send(Ingested::Reject(reason));
                }
            }
        }
        let noted = self.reports.record(told).await?;
        for (noted, (name, answer)) in noted.into_iter().zip(answers) {
            let taken = match noted {
                Noted::Yes | Noted::NoSuch => Ingested::Ack,
                Noted::TooEarly => Ingested::Retry,
            };
            if taken == Ingested::Ack {
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

    /// Whether what is awaited may not be known yet; found out once for many.
    async fn is_behind(&self, known: &mut Option<bool>) -> Result<bool, CommandError> {
        if let Some(known) = known {
            return Ok(*known);
        }
        let found = is_behind(&self.pool, "dispatch").await;
        let found = found.map_err(|error| CommandError::Store(error.into()))?;
        Ok(*known.insert(found))
    }

    async fn attempts(&self, receipts: &[Receipt]) -> Result<HashMap<Name, About>, CommandError> {
        let wanted: Vec<_> = receipts
            .iter()
            .map(|it| (it.provider.get(), it.message_id.clone()))
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
