//! Reading any read model: by id, and in lists with filters, pages and ownership.

mod conditions;
mod cursor;
mod finders;
mod query;
pub(crate) mod statement;
mod totals;

use std::fmt::Write as _;

use futures::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{FromRow, PgPool, QueryBuilder, postgres::PgRow};
use utoipa::{IntoParams, ToSchema};

pub use conditions::{Conditions, Side};
pub use cursor::{By, Cursor, Sort};
pub use finders::Finders;
pub use query::{BadQuery, Page, Query};
pub use totals::count;

/// How many rows are fetched at a time when a whole list is streamed.
const CHUNK: i64 = 1_000;

/// Whose things one may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    All,
    /// Those of one user.
    OwnedBy(i64),
}

/// A row as clients see it, and how it is read.
pub trait View:
    for<'r> FromRow<'r, PgRow> + Serialize + ToSchema + Send + Sync + Unpin + 'static
{
    /// By what a list can be narrowed; every field is optional and lenient, as a query
    /// string has it.
    type Filter: DeserializeOwned + IntoParams + Default + Clone + Send + Sync + 'static;

    /// What is selected.
    const COLUMNS: &'static str;
    /// From where; the main table is called `t`.
    const FROM: &'static str;
    /// The column that identifies it.
    const ID: &'static str;
    /// The column that says whose it is; none if it belongs to the installation.
    const OWNER: Option<&'static str>;
    /// By what a list can be sorted: the field, and an expression that has an index.
    const SORTS: &'static [(&'static str, By)];

    /// Narrows a list.
    fn narrow(filter: &Self::Filter, conditions: &mut Conditions<'_>);

    /// Its place in the order of creation; the cursor that continues after it.
    fn created_position(&self) -> i64;
}

/// Reads one, if it exists and one may know of it.
pub async fn find<V: View>(pool: &PgPool, id: i64, scope: Scope) -> Result<Option<V>, sqlx::Error> {
    let mut sql = format!("select {} {} where {} = $1", V::COLUMNS, V::FROM, V::ID);
    let owner = statement::owner::<V>(scope);
    if let Some((column, _)) = owner {
        // Writing into a string cannot fail.
        let _ = write!(sql, " and {column} = $2");
    }
    let mut query = sqlx::query_as(&sql).bind(id);
    if let Some((_, user_id)) = owner {
        query = query.bind(user_id);
    }
    query.fetch_optional(pool).await
}

/// A page of a list.
#[derive(Debug)]
pub struct Paged<V> {
    /// Its rows.
    pub rows: Vec<V>,
    /// Where the next one begins, if there is one.
    pub next: Option<Cursor>,
}

/// Reads a list in the order of creation, or as the page says. Without a limit it is
/// read chunk by chunk, so that a slow reader holds neither memory nor a transaction.
pub fn list<V: View>(
    pool: &PgPool,
    query: Query<V>,
    scope: Scope,
) -> BoxStream<'static, Result<V, sqlx::Error>> {
    let pool = pool.clone();
    let whole = query.page.limit.is_none();
    let chunks = stream::try_unfold(Some(query), move |query| {
        let pool = pool.clone();
        async move {
            let Some(mut query) = query else {
                return Ok::<_, sqlx::Error>(None);
            };
            let Paged { rows, next } = page(&pool, &query, scope).await?;
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
    scope: Scope,
) -> Result<Paged<V>, sqlx::Error> {
    let limit = query.page.limit.unwrap_or(CHUNK);
    let mut sql = QueryBuilder::new("");
    // One more, to know whether there is a next page.
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
