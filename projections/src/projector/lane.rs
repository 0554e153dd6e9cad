//! The connections that projections write with: each serves several, one after another.

use std::sync::Arc;

use sqlx::{
    Connection as _, Executor as _, PgConnection,
    postgres::{PgConnectOptions, PgPool},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::{Projection, projection::BY_KEY};

/// Capacity of a connection's cache of prepared statements: enough for all projections.
const STATEMENTS: usize = 512;

/// A connection shared by several projections, opened on first use and after every loss.
pub(super) struct Lane {
    options: PgConnectOptions,
    kept: Mutex<Option<PgConnection>>,
}

/// The exclusive use of a lane's connection, which is closed unless it is handed back.
pub(super) struct Place<'a> {
    kept: MutexGuard<'a, Option<PgConnection>>,
    pub db: PgConnection,
}

impl Lane {
    pub(super) fn new(pool: &PgPool) -> Self {
        let options = Arc::unwrap_or_clone(pool.connect_options())
            .application_name("ledgerline projections")
            .statement_cache_capacity(STATEMENTS);
        Self {
            options,
            kept: Mutex::default(),
        }
    }

    /// Waits for the lane's turn, and opens the connection if needed.
    pub(super) async fn enter(&self) -> Result<Place<'_>, sqlx::Error> {
        let mut kept = self.kept.lock().await;
        let db = match kept.take() {
            Some(db) => db,
            None => self.connect().await?,
        };
        Ok(Place { kept, db })
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let mut db = PgConnection::connect_with(&self.options).await?;
        db.execute(&*format!(
            "set lock_timeout = '10s'; set idle_in_transaction_session_timeout = '30s'; {BY_KEY}"
        ))
        .await?;
        Ok(db)
    }

    /// Closes the connection once it is not in use.
    pub(super) async fn close(&self) {
        if let Some(db) = self.kept.lock().await.take() {
            // The connection ends even if this fails.
            let _ = db.close().await;
        }
    }
}

impl Place<'_> {
    /// Hands the connection back, which must be outside a transaction.
    pub(super) fn leave(mut self) {
        *self.kept = Some(self.db);
    }
}

/// The most lanes that these projections can use.
fn useful(projections: &[Arc<dyn Projection>]) -> usize {
    2 + projections.iter().filter(|it| it.is_heavy()).count()
}

/// Assigns a lane to each projection. With two lanes or more the queue does not wait for read
/// models, and with three or more small read models do not wait for heavy ones.
pub(super) fn assign(projections: &[Arc<dyn Projection>], lanes: usize) -> Vec<usize> {
    let lanes = lanes.clamp(1, useful(projections));
    let heavy_lanes = lanes.saturating_sub(2);
    let mut heavy = 0;
    let lane = |projection: &Arc<dyn Projection>| {
        if projection.is_queue() {
            return lanes.min(2) - 1;
        }
        if heavy_lanes == 0 || !projection.is_heavy() {
            return 0;
        }
        heavy += 1;
        2 + (heavy - 1) % heavy_lanes
    };
    projections.iter().map(lane).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::all;

    /// The projections of each lane, by name.
    fn lanes(count: usize) -> Vec<Vec<&'static str>> {
        let all: Vec<Arc<dyn Projection>> = all().into_iter().map(Into::into).collect();
        let mut lanes: BTreeMap<usize, Vec<&'static str>> = BTreeMap::new();
        for (projection, lane) in all.iter().zip(assign(&all, count)) {
            lanes.entry(lane).or_default().push(projection.name());
        }
        lanes.into_values().collect()
    }

    #[test]
    fn one_lane_takes_all() {
        assert_eq!(lanes(1).len(), 1);
        assert_eq!(lanes(1)[0].len(), all().len());
    }

    #[test]
    fn the_queue_waits_for_no_read_model_in_two_lanes() {
        assert_eq!(lanes(2)[1], ["dispatch"]);
    }

    #[test]
    fn small_read_models_wait_for_no_heavy_ones_in_three_lanes() {
        let lanes = lanes(3);
        assert_eq!(
            lanes[2],
            ["campaigns", "contacts", "transmissions", "groups"]
        );
        assert!(lanes[0].contains(&"users"), "{lanes:?}");
    }

    #[test]
    fn heavy_read_models_go_alone_where_there_are_lanes() {
        let lanes = lanes(99);
        assert_eq!(lanes.len(), 6);
        assert!(lanes[1..].iter().all(|lane| lane.len() == 1), "{lanes:?}");
    }
}
