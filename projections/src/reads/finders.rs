//! Batched reads of single rows by id: one query for many requests.
//!
//! Requests that come while a query is running wait for the next one and share it. On an idle
//! system each request has a query of its own, at once; under load one round trip serves dozens,
//! like a group commit of the appender.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
};

use batching::{Batcher, Bounds, Handler};
use domain::Scope;
use sqlx::{PgPool, Row as _, postgres::PgRow};

use super::{View, find, owner};

/// Limits on the ids in one query, and on the requests for each view that wait.
const BOUNDS: Bounds = Bounds {
    batch: 256,
    waiting: 4_096,
};

type Finder = Batcher<i64, Option<Arc<PgRow>>>;

/// Finds rows of any view. One per process; clones share it.
#[derive(Clone, Debug)]
pub struct Finders {
    pool: PgPool,
    finders: Arc<Mutex<HashMap<TypeId, Finder>>>,
}

impl Finders {
    /// Finders on these connections.
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            finders: Arc::default(),
        }
    }

    /// Reads a row, if it exists and is in `scope`. The query begins after the call, so that rows
    /// that were readable before are found.
    pub async fn find<V: View>(&self, id: i64, scope: &Scope) -> Result<Option<V>, sqlx::Error> {
        let Some(found) = self.finder::<V>().ask(id).await else {
            // The shared query failed; a query of this request alone gives the error.
            return find(&self.pool, id, scope).await;
        };
        let Some(row) = found else { return Ok(None) };
        within(&row, scope)
    }

    fn finder<V: View>(&self) -> Finder {
        let mut finders = self.finders.lock().unwrap_or_else(PoisonError::into_inner);
        let finder = finders.entry(TypeId::of::<V>()).or_insert_with(|| {
            let rows = RowsOf::<V>::new(self.pool.clone());
            Batcher::start(BOUNDS, rows)
        });
        finder.clone()
    }
}

/// Reads the rows of a view.
struct RowsOf<V> {
    pool: PgPool,
    sql: String,
    view: PhantomData<fn() -> V>,
}

impl<V: View> RowsOf<V> {
    fn new(pool: PgPool) -> Self {
        Self {
            pool,
            sql: rows::<V>(),
            view: PhantomData,
        }
    }
}

/// The statement that reads rows by their ids, with their owners.
pub(super) fn rows<V: View>() -> String {
    let column = |column: Option<&'static str>| column.unwrap_or("null::bigint");
    format!(
        "select {} as found_id, {} as found_owner, {} as found_tenant, {} {} where {} = any($1)",
        V::ID,
        column(V::OWNER),
        column(V::TENANT),
        V::COLUMNS,
        V::FROM,
        V::ID
    )
}

/// A row of [`rows`], if it is within the scope. Rows without an owner are within every scope,
/// unless they may belong to a tenant.
pub(super) fn within<V: View>(row: &PgRow, scope: &Scope) -> Result<Option<V>, sqlx::Error> {
    if V::TENANT.is_some() {
        let user: Option<i64> = row.try_get("found_owner")?;
        let tenant: Option<i64> = row.try_get("found_tenant")?;
        if !scope.covers(tenant.map(|tenant| owner(tenant, user))) {
            return Ok(None);
        }
    }
    V::from_row(row).map(Some)
}

impl<V: View + Any> Handler for RowsOf<V> {
    type Request = i64;
    type Answer = Option<Arc<PgRow>>;
    const NAME: &'static str = "shared reads";

    async fn handle(&mut self, wanted: Vec<i64>) -> Vec<Self::Answer> {
        let mut ids = wanted.clone();
        ids.sort_unstable();
        ids.dedup();
        let rows = match sqlx::query(&self.sql).bind(ids).fetch_all(&self.pool).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::debug!(%error, "a shared read failed");
                return Vec::new();
            }
        };
        let rows = rows.into_iter().filter_map(|row| {
            let id: i64 = row.try_get("found_id").ok()?;
            Some((id, Arc::new(row)))
        });
        let rows: HashMap<i64, Arc<PgRow>> = rows.collect();
        wanted.iter().map(|id| rows.get(id).cloned()).collect()
    }
}
