//! Reads of any read model: by id, and in lists with filters, pages and ownership.

mod conditions;
mod cursor;
mod finders;
mod query;
mod scoped;
pub(crate) mod statement;
mod totals;

use domain::Scope;
use futures::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{FromRow, PgPool, QueryBuilder, postgres::PgRow};
use utoipa::{IntoParams, ToSchema};

use crate::Registered;

pub use conditions::{Conditions, Side};
pub use cursor::{By, Cursor, Sort};
pub use finders::Finders;
pub use query::{BadQuery, Page, Query};
pub(crate) use scoped::{Scoped, owner};
pub use totals::count;

/// The number of rows fetched at a time when a whole list is streamed.
const CHUNK: i64 = 1_000;

/// A row as clients see it, with the SQL by which it is read.
pub trait View:
    Registered + for<'r> FromRow<'r, PgRow> + Serialize + ToSchema + Send + Sync + Unpin + 'static
{
    /// The filter of a list; every field is optional and parsed leniently from a query string.
    type Filter: DeserializeOwned + IntoParams + Default + Clone + Send + Sync + 'static;

    /// The selected columns.
    const COLUMNS: &'static str;
    /// The `from` clause; the alias of the main table is `t`.
    const FROM: &'static str;
    /// The column that identifies a row.
    const ID: &'static str;
    /// The name under which a row is referred to when it is to be read again later. Two views with
    /// the same id column need two names.
    const NAME: &'static str = Self::ID;
    /// The column of the owner; none if rows belong to the installation.
    const OWNER: Option<&'static str>;
    /// The column of the owner's tenant; none if rows belong to the installation.
    const TENANT: Option<&'static str> = match Self::OWNER {
        Some(_) => Some("t.tenant_id"),
        None => None,
    };
    /// The sort orders of a list: the field, and an indexed expression.
    const SORTS: &'static [(&'static str, By)];

    /// Adds the conditions of a filter to a list.
    fn narrow(filter: &Self::Filter, conditions: &mut Conditions<'_>);

    /// The row's place in the order of creation, which is part of its cursor.
    fn created_position(&self) -> i64;

    /// The sequence of the aggregate's last event in the row, which clients are told as `ETag`.
    fn version(&self) -> i64;
}

/// Reads a row, if it exists and is in `scope`.
pub async fn find<V: View>(
    pool: &PgPool,
    id: i64,
    scope: &Scope,
) -> Result<Option<V>, sqlx::Error> {
    let row = sqlx::query(&finders::rows::<V>())
        .bind(vec![id])
        .fetch_optional(pool)
        .await?;
    row.map_or(Ok(None), |row| finders::within(&row, scope))
}

/// A page of a list.
#[derive(Debug)]
pub struct Paged<V> {
    /// The rows of the page.
    pub rows: Vec<V>,
    /// The cursor of the next page, if there is one.
    pub next: Option<Cursor>,
}

/// Reads a list in the order of creation, or in that of the page. Without a limit it is read in
/// chunks, so that a slow reader holds neither memory nor a transaction.
pub fn list<V: View>(
    pool: &PgPool,
    query: Query<V>,
    scope: &Scope,
) -> BoxStream<'static, Result<V, sqlx::Error>> {
    let (pool, scope) = (pool.clone(), scope.clone());
    let whole = query.page.limit.is_none();
    let chunks = stream::try_unfold(Some(query), move |query| {
        let (pool, scope) = (pool.clone(), scope.clone());
        async move {
            let Some(mut query) = query else {
                return Ok::<_, sqlx::Error>(None);
            };
            let Paged { rows, next } = page(&pool, &query, &scope).await?;
            let next = next.filter(|_| whole).map(|cursor| {
                query.page.cursor = Some(cursor);
                query
            });
            Ok(Some((stream::iter(rows.into_iter().map(Ok)), next)))
        }
    });
    chunks.try_flatten().boxed()
}

/// Reads one page, or the first chunk of a whole list.
pub async fn page<V: View>(
    pool: &PgPool,
    query: &Query<V>,
    scope: &Scope,
) -> Result<Paged<V>, sqlx::Error> {
    let limit = query.page.limit.unwrap_or(CHUNK);
    let mut sql = QueryBuilder::new("");
    // One row more, to know whether there is a next page.
    statement::page(&mut sql, query, scope, limit + 1);
    let mut found = sql.build().persistent(false).fetch_all(pool).await?;
    let limit = usize::try_from(limit).unwrap_or_default();
    let more = found.len() > limit;
    found.truncate(limit);
    let rows = found.iter().map(V::from_row);
    let rows: Vec<V> = rows.collect::<Result<_, _>>()?;
    let next = match (found.last(), rows.last()) {
        (Some(row), Some(last)) if more => {
            Some(Cursor::behind(row, last.created_position(), query.sort())?)
        }
        _ => None,
    };
    Ok(Paged { rows, next })
}
