//! Ids, handed out from blocks.

use std::{collections::HashMap, ops::Range, sync::Arc};

use domain::Id;
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::StoreError;

/// How many ids one draw from a database sequence stands for; the increment of
/// the sequences in the first migration.
const BLOCK: i64 = 64;

/// Hands out ids. A block costs one round trip, an id none; what a process did
/// not use when it stopped is a gap.
#[derive(Clone, Debug)]
pub struct Ids {
    pool: PgPool,
    blocks: Arc<Mutex<HashMap<&'static str, Range<i64>>>>,
}

impl Ids {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            blocks: Arc::default(),
        }
    }

    /// The next id of this kind (`contact`, `spool` …).
    ///
    /// # Errors
    /// When a new block is due and the database does not answer.
    pub async fn next<A>(&self, kind: &'static str) -> Result<Id<A>, StoreError> {
        let mut blocks = self.blocks.lock().await;
        let block = blocks.entry(kind).or_default();
        if let Some(id) = block.next() {
            return Ok(Id::new(id));
        }
        let first: i64 = sqlx::query_scalar("select nextval(format('ids_%s', $1::text)::regclass)")
            .bind(kind)
            .fetch_one(&self.pool)
            .await?;
        *block = first + 1..first + BLOCK;
        Ok(Id::new(first))
    }

    /// As many ids of this kind.
    ///
    /// # Errors
    /// As [`Ids::next`].
    pub async fn take<A>(
        &self,
        kind: &'static str,
        count: usize,
    ) -> Result<Vec<Id<A>>, StoreError> {
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(self.next(kind).await?);
        }
        Ok(ids)
    }
}
