//! Short messages: their parts, and how a redelivery is recognised.
//!
//! A message is acknowledged when it is on record. Where the acknowledgement is lost, the remote
//! side delivers it again. Such a duplicate is recognised by the provider's id of the
//! message. Without an id it is recognised by its text, until the remote side has the
//! acknowledgement ([`Settled`]); from then on an identical text is another message.

use std::hash::{BuildHasher, RandomState};

use commands::receiving::{InboundMessage, NotTaken};
use domain::{
    delivery::{Message, ResultKind, SpoolResult},
    flow::Service,
    outreach::sms::{Encoding, text_of},
};
use eventstore::clock;
use quick_cache::sync::Cache;

use super::{
    Entrance, InboundAnswer,
    parts::{Added, Whole},
};
use crate::inbox::{InboundSms, Part};

/// The number of acknowledged messages that are remembered: those of ten minutes at eight
/// hundred a second, twice each.
const REMEMBERED: usize = 1_000_000;
/// The deduplication window in seconds: identical texts within it are one message that was
/// not acknowledged.
const WINDOW: i64 = 600;

/// The number of identical messages whose acknowledgement arrived, by hash.
pub(super) struct Settled {
    counts: Cache<u64, u32>,
    hashing: RandomState,
}

impl Default for Settled {
    fn default() -> Self {
        Self {
            counts: Cache::new(REMEMBERED),
            hashing: RandomState::new(),
        }
    }
}

impl Settled {
    /// Notes that the remote side has the acknowledgement of a message without an id.
    pub fn note(&self, sms: &InboundSms) {
        if sms.name.is_some() || sms.part.is_some() {
            return;
        }
        let words = words(sms);
        let window = clock::now().timestamp().div_euclid(WINDOW);
        for window in [window - 1, window] {
            let key = self.counted(&words, window);
            let so_far = self.counts.get(&key).unwrap_or(0);
            self.counts.insert(key, so_far + 1);
        }
    }

    /// The deduplication key of a message without an id, in this window.
    fn key(&self, sms: &InboundSms, window: i64) -> String {
        let words = words(sms);
        let settled = self.counts.get(&self.counted(&words, window));
        let settled = settled.unwrap_or(0);
        format!("{words}/{window}/{settled}")
    }

    /// The key in `counts` of the messages with this text in this window.
    fn counted(&self, words: &str, window: i64) -> u64 {
        self.hashing.hash_one((words, window))
    }
}

impl Entrance {
    /// Records a short message, or a part of one.
    pub(super) async fn short(&self, sms: &InboundSms) -> Result<InboundAnswer, NotTaken> {
        let Some(part) = sms.part else {
            return self.take(sms.clone(), None).await;
        };
        // A part of a message that would be refused need not wait for the other parts.
        let (provider, to) = (Some(sms.provider), &sms.destination);
        match self.0.receiving.refusal(Service::Sms, provider, to).await? {
            Some(reason) => Ok(reason.into()),
            None => self.part(sms, part).await,
        }
    }

    pub(super) async fn sweep_once(&self) -> Result<(), NotTaken> {
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

    async fn part(&self, sms: &InboundSms, part: Part) -> Result<InboundAnswer, NotTaken> {
        loop {
            match self.0.parts.add(sms, part).await? {
                Added::Waits | Added::Known => return Ok(InboundAnswer::Ack(None)),
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
    async fn take(
        &self,
        sms: InboundSms,
        whole: Option<&Whole>,
    ) -> Result<InboundAnswer, NotTaken> {
        let at = clock::now();
        let (key, earlier_key) = self.keys(&sms, whole, at.timestamp().div_euclid(WINDOW));
        let text = text_of(&sms.octets, sms.encoding);
        let inbound = InboundMessage {
            service: Service::Sms,
            provider: Some(sms.provider),
            at,
            key,
            earlier_key,
            results: results(&sms, whole),
            message: Message {
                source: Some(sms.source).filter(|source| !source.trim().is_empty()),
                destination: sms.destination,
                text: Some(text.unwrap_or_else(|| hex::encode(&sms.octets))),
                ..Message::default()
            },
        };
        self.record(inbound).await
    }

    /// The deduplication keys of a message: in this window, and in the one before.
    fn keys(
        &self,
        sms: &InboundSms,
        whole: Option<&Whole>,
        window: i64,
    ) -> (String, Option<String>) {
        match (whole, &sms.name) {
            (Some(whole), _) => {
                let octets = hex::encode(&sms.octets);
                let key = |window| format!("parts/{}/{octets}/{window}", whole.name);
                (key(window), Some(key(window - 1)))
            }
            (None, Some(name)) => (format!("short/{}/{name}", sms.provider), None),
            (None, None) => {
                let earlier = self.0.settled.key(sms, window - 1);
                (self.0.settled.key(sms, window), Some(earlier))
            }
        }
    }
}

/// The result rows about the form of a message.
fn results(sms: &InboundSms, whole: Option<&Whole>) -> Vec<SpoolResult> {
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
    results
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
