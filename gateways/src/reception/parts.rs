//! Reassembly of long messages: their parts, kept until all have arrived.
//!
//! A part is acknowledged when it is stored, so it is kept in the database, sealed; the last
//! missing part completes the message. A message that is incomplete after ten minutes is
//! recorded as it is. Recorded parts are remembered for an hour, since their acknowledgement
//! may be lost and the part arrive again. A part whose content differs from that of the stored
//! part with its number belongs to another message, whose sender uses the reference again.

use domain::{Id, outreach::sms::Encoding, values::Sealed};
use eventstore::{Store, StoreError};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};

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

type Row = (String, i16, i64, String);

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
        let mut transaction = self.pool.begin().await?;
        // Of two parts that arrive together, the second must see the first.
        sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 25))")
            .bind(&name)
            .execute(&mut *transaction)
            .await?;
        match there(&mut transaction, &name, part, &content).await? {
            There::Nothing => {}
            There::OfAnother => return Ok(Added::OfAnother(name)),
            There::Taken => {
                transaction.commit().await?;
                return Ok(Added::Known);
            }
        }
        let kept = serde_json::to_vec(&kept).map_err(|error| decoding(error.into()))?;
        let sealed = self.store.vault().seal(SEALED_FOR, &kept)?;
        sqlx::query(
            "insert into dispatch.parts (message, number, count, provider_id, sealed, content) \
             values ($1, $2, $3, $4, $5, $6) on conflict (message, number) do nothing",
        )
        .bind(&name)
        .bind(i16::from(part.number))
        .bind(i16::from(part.count))
        .bind(sms.provider.get())
        .bind(sealed.as_str())
        .bind(content)
        .execute(&mut *transaction)
        .await?;
        let rows = rows(&mut transaction, &name).await?;
        transaction.commit().await?;
        if rows.len() != usize::from(part.count) {
            return Ok(Added::Waits);
        }
        let whole = self.whole(name, rows)?;
        Ok(whole.map_or(Added::Waits, Added::Completes))
    }

    /// The names of messages with parts that have waited for ten minutes, at most 100.
    pub async fn late(&self) -> Result<Vec<String>, StoreError> {
        let names = sqlx::query_scalar(
            "select distinct message from dispatch.parts \
             where received_at < now() - interval '10 minutes' and not taken limit 100",
        );
        Ok(names.fetch_all(&self.pool).await?)
    }

    /// A message as far as its parts have arrived.
    pub async fn what_there_is(&self, name: &str) -> Result<Option<Whole>, StoreError> {
        let rows = sqlx::query_as(
            "select content, count, provider_id, sealed from dispatch.parts \
             where message = $1 and (not taken or again) and exists \
               (select 1 from dispatch.parts where message = $1 and not taken) \
             order by number",
        );
        let rows = rows.bind(name).fetch_all(&self.pool).await?;
        self.whole(name.to_owned(), rows)
    }

    /// Marks the parts of a message as recorded. Others may have arrived since.
    pub async fn taken(&self, whole: &Whole) -> Result<(), StoreError> {
        sqlx::query(
            "update dispatch.parts set taken = true, again = false, received_at = now() \
             where message = $1 and content = any($2)",
        )
        .bind(&whole.name)
        .bind(&whole.contents)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Deletes parts that were recorded an hour ago.
    pub async fn forget(&self) -> Result<(), StoreError> {
        let sql = "delete from dispatch.parts \
                   where received_at < now() - interval '1 hour' and taken";
        sqlx::query(sql).execute(&self.pool).await?;
        Ok(())
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

    fn whole(&self, name: String, rows: Vec<Row>) -> Result<Option<Whole>, StoreError> {
        let mut whole: Option<Whole> = None;
        for (content, count, provider, sealed) in rows {
            let opened = self.store.vault().open(SEALED_FOR, &Sealed::new(sealed))?;
            let kept: Kept =
                serde_json::from_slice(&opened).map_err(|error| decoding(error.into()))?;
            let octets = hex::decode(&kept.octets).map_err(|error| decoding(error.into()))?;
            let whole = whole.get_or_insert_with(|| Whole {
                name: name.clone(),
                sms: InboundSms {
                    provider: Id::new(provider),
                    source: kept.source,
                    destination: kept.destination,
                    encoding: kept.encoding,
                    octets: Vec::new(),
                    part: None,
                    name: None,
                },
                contents: Vec::new(),
                count: usize::try_from(count).unwrap_or_default(),
            });
            whole.sms.octets.extend(octets);
            whole.contents.push(content);
        }
        Ok(whole)
    }
}

/// The stored part with a part's number.
enum There {
    /// None, or an equal part that is not on record.
    Nothing,
    /// An equal part that is on record.
    Taken,
    /// A different part, of a message that is not on record.
    OfAnother,
}

/// Looks up the stored part. A different part that is on record is deleted with its message,
/// since another message has begun; its parts that were delivered again stay, since they may
/// belong to that other message, unless different parts arrive under their numbers.
async fn there(
    db: &mut PgConnection,
    name: &str,
    part: Part,
    content: &str,
) -> Result<There, sqlx::Error> {
    let number = i16::from(part.number);
    let sql = "select content, taken from dispatch.parts where message = $1 and number = $2";
    let there: Option<(String, bool)> = sqlx::query_as(sql)
        .bind(name)
        .bind(number)
        .fetch_optional(&mut *db)
        .await?;
    let (there, sql) = match there {
        None => return Ok(There::Nothing),
        Some((said, false)) if said == content => return Ok(There::Nothing),
        Some((_, false)) => return Ok(There::OfAnother),
        Some((said, true)) if said == content => (
            There::Taken,
            "update dispatch.parts set again = true where message = $1 and number = $2",
        ),
        Some((_, true)) => (
            There::Nothing,
            "delete from dispatch.parts \
             where message = $1 and taken and (number = $2 or not again)",
        ),
    };
    sqlx::query(sql).bind(name).bind(number).execute(db).await?;
    Ok(there)
}

fn decoding(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Database(sqlx::Error::Decode(error))
}

async fn rows(db: &mut PgConnection, name: &str) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as(
        "select content, count, provider_id, sealed from dispatch.parts \
         where message = $1 and not taken order by number",
    )
    .bind(name)
    .fetch_all(db)
    .await
}
