//! Records what adapters receive: delivery receipts, short messages and their parts.
//!
//! An item is acknowledged when it is on record. Where the acknowledgement is lost, the remote
//! side delivers the item again. Such a duplicate is recognised by the provider's id of the
//! message. Without an id it is recognised by its text, until the remote side has the
//! acknowledgement ([`Inbox::settled`]); from then on an identical text is another message.

mod parts;

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use commands::receiving::{InboundMessage, IngestResult, NotTaken, Receiving};
use domain::{
    Id,
    delivery::{Message, Provider, ResultKind, SpoolResult},
    flow::Service,
    outreach::sms::{Encoding, text_of},
};
use eventstore::{Store, clock};
use quick_cache::sync::Cache;
use tokio_util::sync::CancellationToken;

use self::parts::{Added, Parts, Whole};
use crate::{
    inbox::{InboundSms, Inbox, Ingested, Part},
    receipts::Receipts,
    reports::{ReportedOutcome, Reports},
};

/// The number of acknowledged messages that are remembered: those of ten minutes at eight
/// hundred a second, twice each.
const REMEMBERED: usize = 1_000_000;
/// The deduplication window in seconds: identical texts within it are one message that was
/// not acknowledged.
const WINDOW: i64 = 600;
/// The interval of the search for messages whose missing parts do not arrive.
const SWEEP: Duration = Duration::from_secs(10);

/// The inbox that records inbound items. Clones share its state.
#[derive(Clone)]
pub struct Reception(Arc<Inner>);

struct Inner {
    receiving: Receiving,
    receipts: Receipts,
    parts: Parts,
    /// The number of identical messages whose acknowledgement arrived, by hash.
    settled: Cache<u64, u32>,
    hashing: RandomState,
}

impl Reception {
    /// `store` is the store of the log, whose database has the queue's tables too.
    pub fn new(store: Store, receiving: Receiving, reports: Reports) -> Self {
        Self(Arc::new(Inner {
            receipts: Receipts::start(store.pool().clone(), reports),
            parts: Parts::new(store),
            settled: Cache::new(REMEMBERED),
            hashing: RandomState::new(),
            receiving,
        }))
    }

    /// Records, until it is stopped, incomplete messages whose missing parts are overdue.
    pub async fn sweep(self, stopping: CancellationToken) {
        while !stopping.is_cancelled() {
            if let Err(error) = self.sweep_once().await {
                tracing::warn!(%error, "incomplete messages wait");
            }
            tokio::select! {
                () = tokio::time::sleep(SWEEP) => {}
                () = stopping.cancelled() => {}
            }
        }
    }

    async fn sweep_once(&self) -> Result<(), NotTaken> {
        for name in self.0.parts.late().await? {
            if let Err(error) = self.what_there_is(&name).await {
                tracing::warn!(%error, "an incomplete message waits");
            }
        }
        Ok(self.0.parts.forget().await?)
    }

    async fn what_there_is(&self, name: &str) -> Result<(), NotTaken> {
        if let Some(whole) = self.0.parts.what_there_is(name).await? {
            self.take(whole.sms.clone(), Some(&whole)).await?;
            self.0.parts.taken(&whole).await?;
        }
        Ok(())
    }

    async fn part(&self, sms: &InboundSms, part: Part) -> Result<Ingested, NotTaken> {
        loop {
            match self.0.parts.add(sms, part).await? {
                Added::Waits | Added::Known => return Ok(Ingested::Ack),
                Added::Completes(whole) => {
                    let taken = self.take(whole.sms.clone(), Some(&whole)).await?;
                    self.0.parts.taken(&whole).await?;
                    return Ok(taken);
                }
                Added::OfAnother(name) => self.what_there_is(&name).await?,
            }
        }
    }

    /// Records a message, deduplicated by the provider's id of it or by its text.
    async fn take(&self, sms: InboundSms, whole: Option<&Whole>) -> Result<Ingested, NotTaken> {
        let at = clock::now();
        let window = at.timestamp().div_euclid(WINDOW);
        let (key, earlier_key) = match (whole, &sms.name) {
            (Some(whole), _) => {
                let octets = hex::encode(&sms.octets);
                let key = |window| format!("parts/{}/{octets}/{window}", whole.name);
                (key(window), Some(key(window - 1)))
            }
            (None, Some(name)) => (format!("short/{}/{name}", sms.provider), None),
            (None, None) => {
                let earlier = self.key(&sms, window - 1);
                (self.key(&sms, window), Some(earlier))
            }
        };
        let text = text_of(&sms.octets, sms.encoding);
        let mut results = Vec::new();
        let of_parts = whole.map(|whole| (whole.contents.len(), whole.count));
        results.extend(of_parts.map(|(there, count)| {
            if there == count {
                SpoolResult::new(ResultKind::Info, "parts", count.to_string())
            } else {
                SpoolResult::new(ResultKind::Error, "parts", format!("{there} of {count}"))
            }
        }));
        if sms.encoding == Encoding::Binary {
            results.push(SpoolResult::new(ResultKind::Info, "encoding", "binary"));
        }
        let brought = InboundMessage {
            service: Service::Sms,
            provider: Some(sms.provider),
            at,
            key,
            earlier_key,
            message: Message {
                source: Some(sms.source).filter(|source| !source.trim().is_empty()),
                destination: sms.destination,
                text: Some(text.unwrap_or_else(|| hex::encode(&sms.octets))),
                ..Message::default()
            },
            results,
        };
        Ok(match self.0.receiving.take(brought).await? {
            IngestResult::Taken(_) => {
                metrics::counter!("ledgerline_received_total", "service" => "sms").increment(1);
                Ingested::Ack
            }
            IngestResult::Known => Ingested::Ack,
            IngestResult::Refused(reason) => Ingested::Reject(reason.as_str()),
        })
    }

    /// The deduplication key of a message without an id, in this window.
    fn key(&self, sms: &InboundSms, window: i64) -> String {
        let words = words(sms);
        let settled = self.0.settled.get(&self.counted(&words, window));
        let settled = settled.unwrap_or(0);
        format!("{words}/{window}/{settled}")
    }

    /// The key in `settled` of the messages with this text in this window.
    fn counted(&self, words: &str, window: i64) -> u64 {
        self.0.hashing.hash_one((words, window))
    }

    fn answered(&self, what: &str, taken: Result<Ingested, NotTaken>) -> Ingested {
        taken.unwrap_or_else(|error| {
            tracing::warn!(%error, "{what} could not be taken in");
            Ingested::Retry
        })
    }
}

fn words(sms: &InboundSms) -> String {
    let InboundSms {
        provider,
        source,
        destination,
        octets,
        ..
    } = sms;
    let octets = hex::encode(octets);
    format!("words/{provider}/{destination}/{octets}/{source}")
}

#[async_trait]
impl Inbox for Reception {
    async fn report(
        &self,
        provider: Id<Provider>,
        message_id: String,
        said: ReportedOutcome,
    ) -> Ingested {
        self.0.receipts.tell(provider, message_id, said).await
    }

    async fn sms(&self, sms: &InboundSms) -> Ingested {
        let taken = match sms.part {
            // A part of a message that would be refused need not wait for the other parts.
            Some(part) => match self
                .0
                .receiving
                .refusal(Service::Sms, Some(sms.provider), &sms.destination)
                .await
            {
                Ok(Some(reason)) => Ok(Ingested::Reject(reason.as_str())),
                Ok(None) => self.part(sms, part).await,
                Err(error) => Err(error.into()),
            },
            None => self.take(sms.clone(), None).await,
        };
        self.answered("a short message", taken)
    }

    fn settled(&self, sms: &InboundSms) {
        if sms.name.is_some() || sms.part.is_some() {
            return;
        }
        let words = words(sms);
        let window = clock::now().timestamp().div_euclid(WINDOW);
        for window in [window - 1, window] {
            let key = self.counted(&words, window);
            let so_far = self.0.settled.get(&key).unwrap_or(0);
            self.0.settled.insert(key, so_far + 1);
        }
    }
}
