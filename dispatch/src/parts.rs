//! Parts of long messages that have come in, kept until all have arrived.
//!
//! A part whose content differs from that of the stored part with its number belongs to another
//! message, whose sender uses the reference again. Recorded parts are remembered for an hour,
//! since their acknowledgement may be lost and the part arrive again.

use eventstore::LockName;
use sqlx::{FromRow, PgConnection, PgPool};

/// A part to be stored. Text is sealed by the caller.
#[derive(Clone, Copy, Debug)]
pub struct NewPart<'a> {
    /// The name of its message.
    pub message: &'a str,
    /// Its number in the message, from 1.
    pub number: i16,
    /// The number of parts of the message.
    pub count: i16,
    /// The provider that it came from.
    pub provider_id: i64,
    /// The part, sealed.
    pub sealed: &'a str,
    /// A fingerprint of its content.
    pub content: &'a str,
}

/// A stored part.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct StoredPart {
    /// The fingerprint of its content.
    pub content: String,
    /// The number of parts of the message.
    pub count: i16,
    /// The provider that it came from.
    pub provider_id: i64,
    /// The part, sealed.
    pub sealed: String,
}

/// The result of adding a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// The part is stored, beside these that were not recorded.
    Stored(Vec<StoredPart>),
    /// The part is on record already.
    Known,
    /// The part belongs to another message than those that wait under this name; it is not stored.
    OfAnother,
}

/// Stores a part. Of two parts of a message that arrive together, the second sees the first.
pub async fn add(pool: &PgPool, part: NewPart<'_>) -> Result<Added, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    LockName::MessageParts(part.message)
        .lock_in_transaction(&mut transaction)
        .await?;
    match there(&mut transaction, part).await? {
        There::Nothing => {}
        There::OfAnother => return Ok(Added::OfAnother),
        There::Recorded => {
            transaction.commit().await?;
            return Ok(Added::Known);
        }
    }
    sqlx::query(
        "insert into dispatch.parts (message, number, count, provider_id, sealed, content) \
         values ($1, $2, $3, $4, $5, $6) on conflict (message, number) do nothing",
    )
    .bind(part.message)
    .bind(part.number)
    .bind(part.count)
    .bind(part.provider_id)
    .bind(part.sealed)
    .bind(part.content)
    .execute(&mut *transaction)
    .await?;
    let stored = sqlx::query_as(
        "select content, count, provider_id, sealed from dispatch.parts \
         where message = $1 and not taken order by number",
    );
    let stored = stored
        .bind(part.message)
        .fetch_all(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Added::Stored(stored))
}

/// The stored part with a part's number.
enum There {
    /// None, or an equal part that is not on record.
    Nothing,
    /// An equal part that is on record.
    Recorded,
    /// A different part, of a message that is not on record.
    OfAnother,
}

/// Looks up the stored part. A different part that is on record is deleted with its message,
/// since another message has begun; its parts that were delivered again stay, since they may
/// belong to that other message, unless different parts arrive under their numbers.
async fn there(db: &mut PgConnection, part: NewPart<'_>) -> Result<There, sqlx::Error> {
    let sql = "select content, taken from dispatch.parts where message = $1 and number = $2";
    let there: Option<(String, bool)> = sqlx::query_as(sql)
        .bind(part.message)
        .bind(part.number)
        .fetch_optional(&mut *db)
        .await?;
    let (there, sql) = match there {
        None => return Ok(There::Nothing),
        Some((content, false)) if content == part.content => return Ok(There::Nothing),
        Some((_, false)) => return Ok(There::OfAnother),
        Some((content, true)) if content == part.content => (
            There::Recorded,
            "update dispatch.parts set again = true where message = $1 and number = $2",
        ),
        Some((_, true)) => (
            There::Nothing,
            "delete from dispatch.parts \
             where message = $1 and taken and (number = $2 or not again)",
        ),
    };
    sqlx::query(sql)
        .bind(part.message)
        .bind(part.number)
        .execute(db)
        .await?;
    Ok(there)
}

/// The names of messages with parts that have waited for ten minutes, at most 100.
pub async fn late(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select distinct message from dispatch.parts \
         where received_at < now() - interval '10 minutes' and not taken limit 100",
    )
    .fetch_all(pool)
    .await
}

/// The parts of a message that is not wholly on record, as far as they have arrived.
pub async fn of_message(pool: &PgPool, message: &str) -> Result<Vec<StoredPart>, sqlx::Error> {
    sqlx::query_as(
        "select content, count, provider_id, sealed from dispatch.parts \
         where message = $1 and (not taken or again) and exists \
           (select 1 from dispatch.parts where message = $1 and not taken) \
         order by number",
    )
    .bind(message)
    .fetch_all(pool)
    .await
}

/// Marks the parts of a message with these contents as recorded. Others may have arrived since.
pub async fn recorded(
    pool: &PgPool,
    message: &str,
    contents: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update dispatch.parts set taken = true, again = false, received_at = now() \
         where message = $1 and content = any($2)",
    )
    .bind(message)
    .bind(contents)
    .execute(pool)
    .await
    .map(drop)
}

/// Deletes parts that were recorded an hour ago.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    let sql = "delete from dispatch.parts \
               where received_at < now() - interval '1 hour' and taken";
    sqlx::query(sql).execute(pool).await.map(drop)
}
