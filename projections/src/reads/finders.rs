//! Batched reads of single rows by id: one query for many requests.
//!
//! Requests that come while a query is running wait for the next one and share it. On an idle
//! system each request has a query of its own, at once; under load one round trip serves dozens,
//! like a group commit of the appender.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::{PgPool, Row as _, postgres::PgRow};
use tokio::sync::{mpsc, oneshot};

use super::{Scope, View, find};

/// The most ids in one query.
const GROUP: usize = 256;
/// Capacity of the channel of waiting requests for each view; more senders wait.
const WAITING: usize = 4_096;

struct Wanted {
    id: i64,
    reply: oneshot::Sender<Option<Arc<PgRow>>>,
}

/// Finds rows of any view. One per process; clones share it.
#[derive(Clone, Debug)]
pub struct Finders {
    pool: PgPool,
    lanes: Arc<Mutex<HashMap<TypeId, mpsc::Sender<Wanted>>>>,
}

impl Finders {
    /// Finders on these connections.
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            lanes: Arc::default(),
        }
    }

    /// Reads a row, if it exists and is in `scope`. The query begins after the call, so that rows
    /// that were readable before are found.
    pub async fn find<V: View>(&self, id: i64, scope: Scope) -> Result<Option<V>, sqlx::Error> {
        let (reply, answer) = oneshot::channel();
        let asked = self.lane::<V>().send(Wanted { id, reply }).await.is_ok();
        let row = match answer.await {
            Ok(row) if asked => row,
            // The shared query failed; a query of this request alone gives the error.
            _ => return find(&self.pool, id, scope).await,
        };
        let Some(row) = row else { return Ok(None) };
        if let Scope::OwnedBy(user_id) = scope
            && V::OWNER.is_some()
            && row.try_get::<Option<i64>, _>("found_owner")? != Some(user_id)
        {
            return Ok(None);
        }
        V::from_row(&row).map(Some)
    }

    fn lane<V: View>(&self) -> mpsc::Sender<Wanted> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(TypeId::of::<V>()).or_insert_with(|| {
            let (sender, wanted) = mpsc::channel(WAITING);
            tokio::spawn(serve::<V>(self.pool.clone(), wanted));
            sender
        });
        lane.clone()
    }
}

async fn serve<V: View + Any>(pool: PgPool, mut wanted: mpsc::Receiver<Wanted>) {
    let owner = V::OWNER.unwrap_or("null::bigint");
    let sql = format!(
        "select {} as found_id, {owner} as found_owner, {} {} where {} = any($1)",
        V::ID,
        V::COLUMNS,
        V::FROM,
        V::ID
    );
    let mut group = Vec::with_capacity(GROUP);
    while wanted.recv_many(&mut group, GROUP).await > 0 {
        // Requests that are about to be sent get the chance to share this query.
        tokio::task::yield_now().await;
        while group.len() < GROUP
            && let Ok(one) = wanted.try_recv()
        {
            group.push(one);
        }
        let mut ids: Vec<i64> = group.iter().map(|wanted| wanted.id).collect();
        ids.sort_unstable();
        ids.dedup();
        let rows = match sqlx::query(&sql).bind(ids).fetch_all(&pool).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::debug!(%error, "a shared read failed");
                group.clear();
                continue;
            }
        };
        let rows = rows.into_iter().filter_map(|row| {
            let id: i64 = row.try_get("found_id").ok()?;
            Some((id, Arc::new(row)))
        });
        let rows: HashMap<i64, Arc<PgRow>> = rows.collect();
        for Wanted { id, reply } in group.drain(..) {
            // The requester may have gone.
            let _ = reply.send(rows.get(&id).cloned());
        }
    }
}
