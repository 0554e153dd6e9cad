//! The outbox: the deliveries of all sandboxes of this process, written in batches.

use batching::{Batcher, Bounds, Handler};
use sqlx::PgPool;

/// The most deliveries that are written at once.
const BATCH: usize = 256;
/// The number of deliveries that the outbox keeps.
const KEPT: i64 = 10_000;

/// The number of deliveries that are written between two trims.
const TRIM: usize = 1_000;

/// The most deliveries that wait to be written.
const WAITING: usize = 4_096;

/// A handle to the task that writes deliveries.
#[derive(Debug)]
pub struct Outbox {
    batcher: Batcher<Row, bool>,
    pool: PgPool,
}

/// Writes deliveries.
struct Writer {
    pool: PgPool,
    since_trimmed: usize,
}

/// A delivery as a row.
#[derive(Debug)]
pub(super) struct Row {
    pub provider_id: i64,
    pub spool_id: i64,
    pub transmission_id: i64,
    pub owner_id: i64,
    pub tenant_id: i64,
    pub contact_id: i64,
    pub destination: String,
    pub service: &'static str,
    pub subject: Option<String>,
    pub content: Option<String>,
}

impl Outbox {
    /// Opens the outbox.
    pub fn open(pool: PgPool) -> Self {
        let bounds = Bounds {
            batch: BATCH,
            waiting: WAITING,
        };
        let writer = Writer {
            pool: pool.clone(),
            since_trimmed: 0,
        };
        let batcher = Batcher::start(bounds, writer);
        Self { batcher, pool }
    }

    /// The connections to the sandbox's tables.
    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Writes a delivery; false if that failed.
    pub(super) async fn put(&self, row: Row) -> bool {
        self.batcher.ask(row).await.unwrap_or(false)
    }
}

impl Handler for Writer {
    type Request = Row;
    /// True if the delivery was written.
    type Answer = bool;
    const NAME: &'static str = "sandbox outbox";

    async fn handle(&mut self, rows: Vec<Row>) -> Vec<bool> {
        let written = insert(&self.pool, &rows).await;
        if let Err(error) = &written {
            tracing::warn!(%error, "the sandbox's outbox cannot be written");
        }
        self.since_trimmed += rows.len();
        if self.since_trimmed > TRIM {
            self.since_trimmed = 0;
            if let Err(error) = trim(&self.pool).await {
                tracing::warn!(%error, "the sandbox's outbox cannot be trimmed");
            }
        }
        vec![written.is_ok(); rows.len()]
    }
}

/// Inserts deliveries, except those to a contact who was erased meanwhile.
async fn insert(pool: &PgPool, rows: &[Row]) -> Result<(), sqlx::Error> {
    let column = |of: fn(&Row) -> i64| rows.iter().map(of).collect::<Vec<_>>();
    let mut transaction = pool.begin().await?;
    sqlx::query("set local synchronous_commit = off")
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "insert into sandbox.outbox (provider_id, spool_id, transmission_id, owner_id, contact_id, \
             subject_key, destination, service, subject, content, received_at, tenant_id) \
         select r.provider_id, r.spool_id, r.transmission_id, r.owner_id, r.contact_id, k.subject, \
             r.destination, r.service, r.subject, r.content, $10, r.tenant_id \
         from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], \
                     $7::text[], $8::text[], $9::text[], $11::bigint[]) \
              as r (provider_id, spool_id, transmission_id, owner_id, contact_id, destination, service, \
                    subject, content, tenant_id) \
         join subject_keys k on k.subject = 'contact/' || r.contact_id",
    )
    .bind(column(|row| row.provider_id))
    .bind(column(|row| row.spool_id))
    .bind(column(|row| row.transmission_id))
    .bind(column(|row| row.owner_id))
    .bind(column(|row| row.contact_id))
    .bind(
        rows.iter()
            .map(|row| row.destination.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(rows.iter().map(|row| row.service).collect::<Vec<_>>())
    .bind(
        rows.iter()
            .map(|row| row.subject.as_deref())
            .collect::<Vec<_>>(),
    )
    .bind(
        rows.iter()
            .map(|row| row.content.as_deref())
            .collect::<Vec<_>>(),
    )
    .bind(eventstore::clock::now())
    .bind(column(|row| row.tenant_id))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await
}

async fn trim(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from sandbox.outbox where outbox_id <= \
         (select outbox_id from sandbox.outbox order by outbox_id desc offset $1 limit 1)",
    )
    .bind(KEPT)
    .execute(pool)
    .await?;
    Ok(())
}
