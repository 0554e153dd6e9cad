//! The outbox: the sandbox's deliveries, written in batches.

use domain::{Id, delivery::Provider};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot};

/// The most deliveries that are written at once.
const BATCH: usize = 256;
/// The number of deliveries that the outbox keeps.
const KEPT: i64 = 10_000;

/// A handle to the task that writes deliveries.
#[derive(Debug)]
pub(super) struct Outbox(mpsc::Sender<Delivery>);

#[derive(Debug)]
struct Delivery {
    row: Row,
    written: oneshot::Sender<bool>,
}

/// A delivery as a row.
#[derive(Debug)]
pub(super) struct Row {
    pub spool_id: i64,
    pub transmission_id: i64,
    pub owner_id: i64,
    pub contact_id: i64,
    pub destination: String,
    pub service: &'static str,
    pub subject: Option<String>,
    pub content: Option<String>,
}

impl Outbox {
    /// Starts the outbox of this provider, with a queue of `room` deliveries.
    pub fn open(provider: Id<Provider>, pool: PgPool, room: usize) -> Self {
        let (outbox, deliveries) = mpsc::channel(room);
        tokio::spawn(write(provider, pool, deliveries));
        Self(outbox)
    }

    /// Writes a delivery; false if that failed.
    pub async fn put(&self, row: Row) -> bool {
        let (written, answer) = oneshot::channel();
        let sent = self.0.send(Delivery { row, written }).await.is_ok();
        sent && answer.await.unwrap_or(false)
    }
}

async fn write(provider: Id<Provider>, pool: PgPool, mut deliveries: mpsc::Receiver<Delivery>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut since_trimmed = 0;
    while deliveries.recv_many(&mut batch, BATCH).await > 0 {
        let (rows, acknowledge): (Vec<Row>, Vec<_>) = batch
            .drain(..)
            .map(|delivery| (delivery.row, delivery.written))
            .unzip();
        let written = insert(provider, &pool, &rows).await;
        if let Err(error) = &written {
            tracing::warn!(%error, "the sandbox's outbox cannot be written");
        }
        for sender in acknowledge {
            let _ = sender.send(written.is_ok());
        }
        since_trimmed += rows.len();
        if since_trimmed > 1_000 {
            since_trimmed = 0;
            if let Err(error) = trim(&pool).await {
                tracing::warn!(%error, "the sandbox's outbox cannot be trimmed");
            }
        }
    }
}

/// Inserts deliveries, except those to a contact who was erased meanwhile.
async fn insert(provider: Id<Provider>, pool: &PgPool, rows: &[Row]) -> Result<(), sqlx::Error> {
    let column = |of: fn(&Row) -> i64| rows.iter().map(of).collect::<Vec<_>>();
    let mut transaction = pool.begin().await?;
    sqlx::query("set local synchronous_commit = off")
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "insert into sandbox.outbox (provider_id, spool_id, transmission_id, owner_id, contact_id, \
             subject_key, destination, service, subject, content, received_at) \
         select $1, r.spool_id, r.transmission_id, r.owner_id, r.contact_id, k.subject, \
             r.destination, r.service, r.subject, r.content, $10 \
         from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], \
                     $7::text[], $8::text[], $9::text[]) \
              as r (spool_id, transmission_id, owner_id, contact_id, destination, service, \
                    subject, content) \
         join subject_keys k on k.subject = 'contact/' || r.contact_id",
    )
    .bind(provider.get())
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
