//! What comes in, put on record: reports, short messages and their parts.
//!
//! Whoever brings something is answered when it is on record. An answer can get lost, and
//! then the same is brought again: a message with a name of its own is known by that. One
//! without is known by its words, until its bearer has our answer ([`Inbox::settled`]);
//! from then on the same words are another message.

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
    reports::{Reports, Said},
};

/// Of how many messages it is remembered that their bearer has our answer: those of ten
/// minutes at eight hundred a second, twice each.
const REMEMBERED: usize = 1_000_000;
/// How long the same words are taken for the same message that was not answered.
const WINDOW: i64 = 600;
/// How often it is looked for parts whose others do not come.
const SWEEP: Duration = Duration::from_secs(10);

/// Takes in what comes. Clones share it.
#[derive(Clone)]
pub struct Reception(Arc<Inner>);

struct Inner {
    receiving: Receiving,
    receipts: Receipts,
    parts: Parts,
    /// How many of the same are answered for certain.
    settled: Cache<u64, u32>,
    hashing: RandomState,
}

impl Reception {
    /// `store` is that of the log, whose database has the queue's tables too.
    pub fn new(store: Store, receiving: Receiving, reports: Reports) -> Self {
        Self(Arc::new(Inner {
            receipts: Receipts::start(store.pool().clone(), reports),
            parts: Parts::new(store),
            settled: Cache::new(REMEMBERED),
            hashing: RandomState::new(),
            receiving,
        }))
    }

    /// Takes in, until it is stopped, what there is of messages of which parts are missing
    /// for too long.
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

    /// Puts a message on record, by the name that it has or the words that it says.
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

    /// The key of a message without a name, in this stretch of time.
    fn key(&self, sms: &InboundSms, window: i64) -> String {
        let words = words(sms);
        let settled = self.0.settled.get(&self.counted(&words, window));
        let settled = settled.unwrap_or(0);
        format!("{words}/{window}/{settled}")
    }

    /// What the number of those that are settled is kept under.
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
    async fn report(&self, provider: Id<Provider>, message_id: String, said: Said) -> Ingested {
        self.0.receipts.tell(provider, message_id, said).await
    }

    async fn sms(&self, sms: &InboundSms) -> Ingested {
        let taken = match sms.part {
            // What nobody would take in need not wait for its other parts.
            Some(part) => match self
                .0
                .receiving
                .refusal(Service::Sms, &sms.destination)
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
