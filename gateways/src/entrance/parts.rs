//! Reassembly of long messages: their parts, kept until all have arrived.
//!
//! A part is acknowledged when it is stored, so it is kept in the database, sealed; the last
//! missing part completes the message. A message that is incomplete after ten minutes is
//! recorded as it is. Recorded parts are remembered for an hour, since their acknowledgement
//! may be lost and the part arrive again.

use dispatch::parts::{self, NewPart, StoredPart};
use domain::{Id, outreach::sms::Encoding, values::Sealed};
use eventstore::{Store, StoreError};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::inbox::{InboundSms, Part};

/// The sealing purpose of parts.
const SEALED_FOR: &str = "received.part";

/// The store of parts.
pub(super) struct Parts {
    pool: PgPool,
    store: Store,
}

/// A reassembled message, complete or not.
pub(super) struct Whole {
    /// The name that its parts are stored under.
    pub name: String,
    /// The message.
    pub sms: InboundSms,
    /// Fingerprints of the parts that it consists of.
    pub contents: Vec<String>,
    /// The number of parts of the complete message.
    pub count: usize,
}

/// The result of adding a part.
pub(super) enum Added {
    /// The part is stored; others are missing.
    Waits,
    /// The part is on record already.
    Known,
    /// The part was the last one missing.
    Completes(Whole),
    /// The part belongs to another message than those that wait under this name; it is not stored.
    OfAnother(String),
}

#[derive(Serialize, Deserialize)]
struct Kept {
    source: String,
    destination: String,
    encoding: Encoding,
    octets: String,
}

impl Parts {
    pub fn new(store: Store) -> Self {
        let pool = store.pool().clone();
        Self { pool, store }
    }

    /// Stores a part.
    pub async fn add(&self, sms: &InboundSms, part: Part) -> Result<Added, StoreError> {
        let name = self.name(sms, part);
        let kept = Kept {
            source: sms.source.clone(),
            destination: sms.destination.clone(),
            encoding: sms.encoding,
            octets: hex::encode(&sms.octets),
        };
        let content = self.store.fingerprint(&kept.octets);
        let kept = serde_json::to_vec(&kept).map_err(|error| decoding(error.into()))?;
        let sealed = self.store.vault().seal(SEALED_FOR, &kept)?;
        let new = NewPart {
            message: &name,
            number: i16::from(part.number),
            count: i16::from(part.count),
            provider_id: sms.provider.get(),
            sealed: sealed.as_str(),
            content: &content,
        };
        let stored = match parts::add(&self.pool, new).await? {
            parts::Added::Stored(stored) => stored,
            parts::Added::Known => return Ok(Added::Known),
            parts::Added::OfAnother => return Ok(Added::OfAnother(name)),
        };
        if stored.len() != usize::from(part.count) {
            return Ok(Added::Waits);
        }
        let whole = self.whole(name, stored)?;
        Ok(whole.map_or(Added::Waits, Added::Completes))
    }

    /// The names of messages with parts that have waited for ten minutes, at most 100.
    pub async fn late(&self) -> Result<Vec<String>, StoreError> {
        Ok(parts::late(&self.pool).await?)
    }

    /// A message as far as its parts have arrived.
    pub async fn what_there_is(&self, name: &str) -> Result<Option<Whole>, StoreError> {
        let stored = parts::of_message(&self.pool, name).await?;
        self.whole(name.to_owned(), stored)
    }

    /// Marks the parts of a message as recorded. Others may have arrived since.
    pub async fn taken(&self, whole: &Whole) -> Result<(), StoreError> {
        Ok(parts::recorded(&self.pool, &whole.name, &whole.contents).await?)
    }

    /// Deletes parts that were recorded an hour ago.
    pub async fn forget(&self) -> Result<(), StoreError> {
        Ok(parts::forget(&self.pool).await?)
    }

    fn name(&self, sms: &InboundSms, part: Part) -> String {
        let InboundSms {
            provider,
            source,
            destination,
            ..
        } = sms;
        let Part {
            reference, count, ..
        } = part;
        let text = format!("part/{provider}/{destination}/{reference}/{count}/{source}");
        self.store.fingerprint(&text)
    }

    fn whole(&self, name: String, stored: Vec<StoredPart>) -> Result<Option<Whole>, StoreError> {
        let mut whole: Option<Whole> = None;
        for part in stored {
            let sealed = Sealed::new(part.sealed);
            let opened = self.store.vault().open(SEALED_FOR, &sealed)?;
            let kept: Kept =
                serde_json::from_slice(&opened).map_err(|error| decoding(error.into()))?;
            let octets = hex::decode(&kept.octets).map_err(|error| decoding(error.into()))?;
            let whole = whole.get_or_insert_with(|| Whole {
                name: name.clone(),
                sms: InboundSms {
                    provider: Id::new(part.provider_id),
                    source: kept.source,
                    destination: kept.destination,
                    encoding: kept.encoding,
                    octets: Vec::new(),
                    part: None,
                    name: None,
                },
                contents: Vec::new(),
                count: usize::try_from(part.count).unwrap_or_default(),
            });
            whole.sms.octets.extend(octets);
            whole.contents.push(part.content);
        }
        Ok(whole)
    }
}

fn decoding(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Database(sqlx::Error::Decode(error))
}
