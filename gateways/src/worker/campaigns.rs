//! What campaigns are at by now: an attempt may have been claimed a while before its turn
//! comes, and its campaign may have been stopped, deleted or given another pace since.

use std::{collections::HashMap, time::Duration};

use domain::delivery::Pace;
use projections::delivery::queue;
use sqlx::PgPool;
use tokio::{sync::Mutex, time::Instant};

/// For so long what was read holds. A stop, or another pace, reaches what is in flight this
/// much later at most.
const FRESH: Duration = Duration::from_millis(100);
/// So many are remembered before those that are not fresh any more are forgotten.
const MOST: usize = 1_000;

/// What a campaign is at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Standing {
    /// It goes on, at this pace.
    Runs(Option<Pace>),
    /// It may go on later.
    Stands,
    /// It has ended, or was deleted.
    Gone,
}

/// One for each worker.
pub(crate) struct Campaigns {
    pool: PgPool,
    known: Mutex<HashMap<i64, (Instant, Standing)>>,
}

impl Campaigns {
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            known: Mutex::default(),
        }
    }

    /// What it is at. While one asks the database the others wait for the answer.
    pub(super) async fn standing(&self, id: i64) -> Result<Standing, sqlx::Error> {
        let mut known = self.known.lock().await;
        if let Some((at, standing)) = known.get(&id)
            && at.elapsed() < FRESH
        {
            return Ok(*standing);
        }
        let at = Instant::now();
        let standing = match queue::campaign(&self.pool, id).await? {
            Some(row) => match row.state.as_str() {
                "running" => Standing::Runs(row.pace.and_then(|pace| pace.parse().ok())),
                "ended" => Standing::Gone,
                _ => Standing::Stands,
            },
            None => Standing::Gone,
        };
        if known.len() >= MOST {
            known.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        known.insert(id, (at, standing));
        Ok(standing)
    }
}
