//! Parts of long messages, kept until the others are there.
//!
//! A part is answered when it is here, so it is kept in the database, sealed; the last one
//! makes the message. What is not complete after ten minutes is taken in as it is. For an
//! hour it is remembered what was taken in, since its answer may be lost and the part come
//! again; one that says something else than it did under its number is of another message,
//! whose sender has begun again with the numbers.

use domain::{Id, outreach::sms::Encoding, values::Sealed};
use eventstore::{Store, StoreError};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgPool};

use crate::inbox::{Part, Short};

/// What they are sealed for.
const SEALED_FOR: &str = "received.part";

/// Keeps parts.
pub(super) struct Parts {
    pool: PgPool,
    store: Store,
}

/// A message put together.
pub(super) struct Whole {
    /// What its parts are kept under.
    pub name: String,
    /// The message.
    pub short: Short,
    /// Fingerprints of the parts that are in it, and how many there should be.
    pub contents: Vec<String>,
    pub count: usize,
}

/// What a part came to.
pub(super) enum Added {
    /// Others are missing.
    Waits,
    /// It is on record.
    Known,
    /// It was the last one that was missing.
    Completes(Whole),
    /// It is of another message than those that wait under this name.
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

    /// Keeps a part.
    pub async fn add(&self, short: &Short, part: Part) -> Result<Added, StoreError> {
        let name = self.name(short, part);
        let octets = hex::encode(&short.octets);
        let content = self.store.fingerprint(&octets);
        let mut transaction = self.pool.begin().await?;
        // Of two that come together, the second must see the first.
        sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 25))")
            .bind(&name)
            .execute(&mut *transaction)
            .await?;
        let there: Vec<(i16, String, bool)> =
            sqlx::query_as("select number, content, taken from dispatch.parts where message = $1")
                .bind(&name)
                .fetch_all(&mut *transaction)
                .await?;
        let same = there.iter().find(|row| row.0 == i16::from(part.number));
        match same {
            Some((_, said, true)) if *said == content => {
                sqlx::query(
                    "update dispatch.parts set again = true where message = $1 and number = $2",
                )
                .bind(&name)
                .bind(i16::from(part.number))
                .execute(&mut *transaction)
                .await?;
                transaction.commit().await?;
                return Ok(Added::Known);
            }
            Some((_, said, false)) if *said != content => return Ok(Added::OfAnother(name)),
            // Another message has begun.
            Some((_, _, true)) => begin_another(&mut transaction, &name, part).await?,
            _ => {}
        }
        let kept = Kept {
            source: short.source.clone(),
            destination: short.destination.clone(),
            encoding: short.encoding,
            octets,
        };
        let kept = serde_json::to_vec(&kept).map_err(|error| decoding(error.into()))?;
        let sealed = self.store.vault().seal(SEALED_FOR, &kept)?;
        sqlx::query(
            "insert into dispatch.parts (message, number, count, provider_id, sealed, content) \
             values ($1, $2, $3, $4, $5, $6) on conflict (message, number) do nothing",
        )
        .bind(&name)
        .bind(i16::from(part.number))
        .bind(i16::from(part.count))
        .bind(short.provider.get())
        .bind(sealed.as_str())
        .bind(content)
        .execute(&mut *transaction)
        .await?;
        let rows = rows(&mut transaction, &name).await?;
        transaction.commit().await?;
        Ok(match rows.len() == usize::from(part.count) {
            true => self
                .whole(name, rows)?
                .map_or(Added::Waits, Added::Completes),
            false => Added::Waits,
        })
    }

    /// The names of those that have waited too long.
    pub async fn late(&self) -> Result<Vec<String>, StoreError> {
        let names = sqlx::query_scalar(
            "select distinct message from dispatch.parts \
             where received_at < now() - interval '10 minutes' and not taken limit 100",
        );
        Ok(names.fetch_all(&self.pool).await?)
    }

    /// A message as far as its parts are there.
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

    /// That its parts are on record. Others may have come since.
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

    /// Does not remember any more what was taken in long ago.
    pub async fn forget(&self) -> Result<(), StoreError> {
        let sql = "delete from dispatch.parts \
                   where received_at < now() - interval '1 hour' and taken";
        sqlx::query(sql).execute(&self.pool).await?;
        Ok(())
    }

    fn name(&self, short: &Short, part: Part) -> String {
        let Short {
            provider,
            source,
            destination,
            ..
        } = short;
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
                short: Short {
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
            whole.short.octets.extend(octets);
            whole.contents.push(content);
        }
        Ok(whole)
    }
}

/// Forgets the message that was taken in under this name. What of it was brought again may
/// be of the next one, should nothing else come under its number.
async fn begin_another(db: &mut PgConnection, name: &str, part: Part) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from dispatch.parts where message = $1 and taken and (number = $2 or not again)",
    )
    .bind(name)
    .bind(i16::from(part.number))
    .execute(db)
    .await
    .map(drop)
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
