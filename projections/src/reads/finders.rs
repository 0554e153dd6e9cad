//! Reading single rows by id, many requests with one query.
//!
//! While a query is under way, whoever asks meanwhile waits for the next one and
//! shares it. On an idle system that is a query each, at once; under load a round
//! trip serves dozens, as the appender's does on the other side.

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
/// How many may wait before askers have to.
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

    /// Reads one, if it exists and one may know of it. The query begins after this
    /// was called, so that what was readable before is found.
    pub async fn find<V: View>(&self, id: i64, scope: Scope) -> Result<Option<V>, sqlx::Error> {
        let (reply, answer) = oneshot::channel();
        let asked = self.lane::<V>().send(Wanted { id, reply }).await.is_ok();
        let row = match answer.await {
            Ok(row) if asked => row,
            // The shared query failed; one's own says why.
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
        // Whoever is about to ask gets the chance to share this query.
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
            // Whoever went away does not need it any more.
            let _ = reply.send(rows.get(&id).cloned());
        }
    }
}
