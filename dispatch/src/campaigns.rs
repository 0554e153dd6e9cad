//! The present state of campaigns, for attempts before their start: an attempt may have been
//! claimed a while before, and its campaign may have been stopped, deleted or given another pace
//! since.

use std::{collections::HashMap, time::Duration};

use crate::queue;
use domain::delivery::Pace;
use sqlx::PgPool;
use tokio::{sync::Mutex, time::Instant};

/// The time for which a state that was read is cached. A stop, or another pace, reaches the
/// attempts in flight with at most this delay.
const FRESH: Duration = Duration::from_millis(100);
/// The number of cached states from which on stale ones are evicted.
const MOST: usize = 1_000;

/// The state of a campaign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CampaignState {
    /// The campaign runs, at this pace.
    Running(Option<Pace>),
    /// The campaign is stopped, and may run again later.
    Stopped,
    /// The campaign has ended, or was deleted.
    Ended,
}

/// The cache of campaign states of a worker.
pub struct Campaigns {
    pool: PgPool,
    known: Mutex<HashMap<i64, (Instant, CampaignState)>>,
}

impl Campaigns {
    /// An empty cache.
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            known: Mutex::default(),
        }
    }

    /// The state of a campaign. During a read from the database all other callers wait.
    pub async fn state(&self, id: i64) -> Result<CampaignState, sqlx::Error> {
        let mut known = self.known.lock().await;
        if let Some((at, state)) = known.get(&id)
            && at.elapsed() < FRESH
        {
            return Ok(*state);
        }
        let at = Instant::now();
        let state = match queue::campaign(&self.pool, id).await? {
            Some(row) => match row.state.as_str() {
                "running" => CampaignState::Running(row.pace.and_then(|pace| pace.parse().ok())),
                "ended" => CampaignState::Ended,
                _ => CampaignState::Stopped,
            },
            None => CampaignState::Ended,
        };
        if known.len() >= MOST {
            known.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        known.insert(id, (at, state));
        Ok(state)
    }
}
