//! Media: bytes that events name by their SHA-256. They are written before the event that names
//! them, so that no event ever names missing bytes.
//!
//! An upload arrives chunk by chunk, each committed by itself, so that a slow client holds
//! neither a transaction nor memory. A row in `media` at its end makes it visible; an interrupted
//! upload stays invisible and is swept.

use std::time::Duration;

use bytes::Bytes;
use domain::outreach::MediaHash;
use futures::{Stream, StreamExt, stream};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use thiserror::Error;

/// The bytes of a stored chunk; the last one may have fewer.
const CHUNK: usize = 256 << 10;
/// The age at which an unfinished upload is swept.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// The reason for which a medium was not stored.
#[derive(Debug, Error)]
pub enum MediaError {
    /// The medium has more bytes than allowed.
    #[error("more than {0} bytes")]
    TooLarge(usize),
    /// The upload ended early.
    #[error("the upload was broken off")]
    BrokenOff,
    /// The database could not be reached, or refused the statement.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The system provides no randomness.
    #[error("the system gives no randomness")]
    Randomness,
}

/// The store of the bytes of media. Clones share it.
#[derive(Clone, Debug)]
pub struct MediaStore {
    pool: PgPool,
}

impl MediaStore {
    /// A store in this database.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Stores a stream of at most `limit` bytes, and answers its hash and size. Identical bytes are
    /// kept once.
    ///
    /// # Errors
    /// As [`MediaError`] says; nothing visible is left behind.
    pub async fn put<E>(
        &self,
        bytes: impl Stream<Item = Result<Bytes, E>> + Send,
        limit: usize,
    ) -> Result<(MediaHash, u64), MediaError> {
        let upload = Upload::begin(self.pool.clone()).await?;
        let (hash, size) = upload.receive(bytes, limit).await?;
        upload.finish(&hash, size).await?;
        Ok((MediaHash(hash), size))
    }

    /// Stores small media from memory with one statement; answers their hashes in the same order.
    ///
    /// The commit does not wait for the disk: a later append of events waits, and makes the media
    /// durable too, since Postgres writes its log in order.
    ///
    /// # Errors
    /// As [`MediaError`] says; then none of them is stored.
    pub async fn put_small(&self, media: &[Vec<u8>]) -> Result<Vec<MediaHash>, MediaError> {
        let hashes: Vec<_> = media
            .iter()
            .map(|it| hex::encode(Sha256::digest(it)))
            .collect();
        let uploads = media.iter().map(|_| upload_id());
        let uploads = uploads.collect::<Result<Vec<_>, _>>()?;
        let sizes: Vec<_> = media.iter().map(|it| it.len() as i64).collect();
        let (mut owners, mut numbers, mut pieces) = (Vec::new(), Vec::new(), Vec::new());
        for (upload, bytes) in uploads.iter().zip(media) {
            for (number, piece) in (0_i32..).zip(bytes.chunks(CHUNK)) {
                owners.push(upload);
                numbers.push(number);
                pieces.push(piece);
            }
        }
        // In the same order for all writers, to avoid deadlocks.
        let sql = "with new as (
                insert into media (hash, upload_id, size)
                select hash, upload_id::uuid, size
                from unnest($1::text[], $2::text[], $3::bigint[]) as t (hash, upload_id, size)
                order by hash
                on conflict (hash) do nothing
                returning upload_id
            )
            insert into media_chunks (upload_id, number, bytes)
            select new.upload_id, number, bytes
            from (select set_config('synchronous_commit', 'off', true)) as commit,
                 unnest($4::text[], $5::int[], $6::bytea[]) as t (upload_id, number, bytes)
            join new on new.upload_id = t.upload_id::uuid";
        let insert = sqlx::query(sql).bind(&hashes).bind(&uploads).bind(sizes);
        let insert = insert.bind(owners).bind(numbers).bind(pieces);
        insert.execute(&self.pool).await?;
        Ok(hashes.into_iter().map(MediaHash).collect())
    }

    /// The size of a medium and its bytes, chunk by chunk; none if there is no such medium.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn get(
        &self,
        hash: &MediaHash,
    ) -> Result<
        Option<(
            u64,
            impl Stream<Item = Result<Bytes, sqlx::Error>> + Send + use<>,
        )>,
        sqlx::Error,
    > {
        let sql = "select upload_id::text, size from media where hash = $1";
        let found: Option<(String, i64)> = sqlx::query_as(sql)
            .bind(&hash.0)
            .fetch_optional(&self.pool)
            .await?;
        let Some((upload, size)) = found else {
            return Ok(None);
        };
        let pool = self.pool.clone();
        let pieces = stream::try_unfold(0_i32, move |number| {
            let (pool, upload) = (pool.clone(), upload.clone());
            async move {
                let piece = piece(&pool, &upload, number).await?;
                Ok(piece.map(|bytes| (bytes, number + 1)))
            }
        });
        Ok(Some((u64::try_from(size).unwrap_or(0), pieces)))
    }

    /// Removes uploads that were left unfinished for a day; answers their number.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sweep(&self) -> Result<u64, sqlx::Error> {
        let sql = "with gone as (
                delete from media_uploads
                where started_at < now() - make_interval(secs => $1)
                returning upload_id
            ), pieces as (
                delete from media_chunks where upload_id in (select upload_id from gone)
            )
            select count(*) from gone";
        let seconds = ABANDONED.as_secs_f64();
        let gone: i64 = sqlx::query_scalar(sql)
            .bind(seconds)
            .fetch_one(&self.pool)
            .await?;
        Ok(u64::try_from(gone).unwrap_or(0))
    }
}

async fn piece(pool: &PgPool, upload: &str, number: i32) -> Result<Option<Bytes>, sqlx::Error> {
    let sql = "select bytes from media_chunks where upload_id = $1::uuid and number = $2";
    let query = sqlx::query_scalar(sql).bind(upload).bind(number);
    let bytes: Option<Vec<u8>> = query.fetch_optional(pool).await?;
    Ok(bytes.map(Bytes::from))
}

fn upload_id() -> Result<String, MediaError> {
    let mut id = [0_u8; 16];
    getrandom::fill(&mut id).map_err(|_| MediaError::Randomness)?;
    Ok(hex::encode(id))
}

/// One upload; if it is dropped unfinished, its chunks are removed.
struct Upload {
    pool: PgPool,
    id: String,
    open: bool,
}

impl Upload {
    async fn begin(pool: PgPool) -> Result<Self, MediaError> {
        let upload = Self {
            pool,
            id: upload_id()?,
            open: true,
        };
        let insert = sqlx::query("insert into media_uploads (upload_id) values ($1::uuid)");
        insert.bind(&upload.id).execute(&upload.pool).await?;
        Ok(upload)
    }

    async fn receive<E>(
        &self,
        bytes: impl Stream<Item = Result<Bytes, E>> + Send,
        limit: usize,
    ) -> Result<(String, u64), MediaError> {
        let mut bytes = std::pin::pin!(bytes);
        let (mut hash, mut size, mut number) = (Sha256::new(), 0_usize, 0_i32);
        let mut chunk = Vec::with_capacity(CHUNK);
        while let Some(some) = bytes.next().await {
            let some = some.map_err(|_| MediaError::BrokenOff)?;
            size = size.saturating_add(some.len());
            if size > limit {
                return Err(MediaError::TooLarge(limit));
            }
            hash.update(&some);
            let mut rest: &[u8] = &some;
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(CHUNK - chunk.len()));
                chunk.extend_from_slice(now);
                rest = later;
                if chunk.len() == CHUNK {
                    self.write(number, &chunk).await?;
                    chunk.clear();
                    number += 1;
                }
            }
        }
        if !chunk.is_empty() {
            self.write(number, &chunk).await?;
        }
        Ok((hex::encode(hash.finalize()), size as u64))
    }

    async fn write(&self, number: i32, bytes: &[u8]) -> Result<(), sqlx::Error> {
        // An upload that was discarded gets no further chunk, which would belong to nothing.
        let sql = "insert into media_chunks (upload_id, number, bytes) \
            select upload_id, $2, $3 from media_uploads where upload_id = $1::uuid for key share";
        let insert = sqlx::query(sql).bind(&self.id).bind(number).bind(bytes);
        match insert.execute(&self.pool).await?.rows_affected() {
            0 => Err(sqlx::Error::RowNotFound),
            _ => Ok(()),
        }
    }

    /// Makes the upload visible under its hash, or removes it if the same bytes are stored already.
    async fn finish(mut self, hash: &str, size: u64) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        let insert = "insert into media (hash, upload_id, size) values ($1, $2::uuid, $3)
            on conflict (hash) do nothing";
        let insert = sqlx::query(insert).bind(hash).bind(&self.id);
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        let new = insert
            .bind(size)
            .execute(&mut *transaction)
            .await?
            .rows_affected()
            == 1;
        if !new {
            let delete = sqlx::query("delete from media_chunks where upload_id = $1::uuid");
            delete.bind(&self.id).execute(&mut *transaction).await?;
        }
        let delete = sqlx::query("delete from media_uploads where upload_id = $1::uuid");
        delete.bind(&self.id).execute(&mut *transaction).await?;
        transaction.commit().await?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        // Without a runtime, or without a database, the sweep removes it later. A commit whose
        // answer was lost is safe: its upload is no longer in `media_uploads`.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(discard(self.pool.clone(), std::mem::take(&mut self.id)));
        }
    }
}

async fn discard(pool: PgPool, id: String) {
    let sql = "with gone as (
            delete from media_uploads where upload_id = $1::uuid returning upload_id
        )
        delete from media_chunks where upload_id in (select upload_id from gone)";
    if let Err(error) = sqlx::query(sql).bind(id).execute(&pool).await {
        tracing::debug!(%error, "a broken upload is left to the sweep");
    }
}
