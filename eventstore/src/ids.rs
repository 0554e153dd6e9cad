//! Ids, handed out from blocks.

use std::{collections::HashMap, ops::Range, sync::Arc};

use domain::Id;
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::StoreError;

/// The number of ids in a block, which one draw from a database sequence reserves; equals the
/// increment of the sequences in the first migration.
const BLOCK: i64 = 64;

/// Hands out ids. A block costs one round trip, an id none; ids that a process had not used
/// when it stopped are a gap.
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

    /// `count` ids of this kind, with at most one round trip for all blocks that are needed.
    ///
    /// # Errors
    /// As [`Ids::next`].
    pub async fn take<A>(
        &self,
        kind: &'static str,
        count: usize,
    ) -> Result<Vec<Id<A>>, StoreError> {
        let mut blocks = self.blocks.lock().await;
        let block = blocks.entry(kind).or_default();
        let mut ids: Vec<Id<A>> = block.by_ref().take(count).map(Id::new).collect();
        let missing = count - ids.len();
        if missing == 0 {
            return Ok(ids);
        }
        let firsts: Vec<i64> = sqlx::query_scalar(
            "select nextval(format('ids_%s', $1::text)::regclass) from generate_series(1, $2)",
        )
        .bind(kind)
        .bind(missing.div_ceil(BLOCK as usize) as i64)
        .fetch_all(&self.pool)
        .await?;
        for first in firsts {
            *block = first..first + BLOCK;
            let missing = count - ids.len();
            ids.extend(block.by_ref().take(missing).map(Id::new));
        }
        Ok(ids)
    }
}
