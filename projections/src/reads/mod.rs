//! Reading any read model: by id, and in lists with filters, pages and ownership.

mod conditions;
mod finders;
mod query;

use std::fmt::Write as _;

use futures::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder, postgres::PgRow};
use utoipa::{IntoParams, ToSchema};

pub use conditions::Conditions;
pub use finders::Finders;
pub use query::{BadQuery, Page, Query, Sort};

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
    /// By what a list can be sorted: the field, and an expression that is never null.
    const SORTS: &'static [(&'static str, &'static str)];

    /// Narrows a list.
    fn narrow(filter: &Self::Filter, conditions: &mut Conditions<'_>);

    /// Its place in the order of creation; the cursor that continues after it.
    fn created_position(&self) -> i64;
}

/// Reads one, if it exists and one may know of it.
pub async fn find<V: View>(pool: &PgPool, id: i64, scope: Scope) -> Result<Option<V>, sqlx::Error> {
    let mut sql = format!("select {} {} where {} = $1", V::COLUMNS, V::FROM, V::ID);
    let owner = owner::<V>(scope);
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
            let rows = page(&pool, &query, scope).await?;
            let next = match rows.last() {
                Some(last) if whole && rows.len() as i64 == CHUNK => {
                    query.page.cursor = Some(last.created_position());
                    Some(query)
                }
                _ => None,
            };
            Ok(Some((stream::iter(rows.into_iter().map(Ok)), next)))
        }
    });
    chunks.try_flatten().boxed()
}

/// How many rows a list has without its page.
pub async fn count<V: View>(
    pool: &PgPool,
    query: &Query<V>,
    scope: Scope,
) -> Result<i64, sqlx::Error> {
    let mut sql = QueryBuilder::new(format!("select count(*) {} where true", V::FROM));
    narrow(&mut sql, query, scope);
    // Each combination of filters is planned for the values it has.
    sql.build_query_scalar()
        .persistent(false)
        .fetch_one(pool)
        .await
}

async fn page<V: View>(
    pool: &PgPool,
    query: &Query<V>,
    scope: Scope,
) -> Result<Vec<V>, sqlx::Error> {
    let mut sql = QueryBuilder::new(format!("select {} {} where true", V::COLUMNS, V::FROM));
    narrow(&mut sql, query, scope);
    let by = query.page.sort.as_ref().map_or("", |sort| sort.expression);
    let descending = query.page.sort.as_ref().is_some_and(|sort| sort.descending);
    let comma = if by.is_empty() { "" } else { ", " };
    let (beyond, order) = if descending {
        ("<", " desc")
    } else {
        (">", "")
    };
    if let Some(cursor) = query.page.cursor {
        sql.push(format!(" and ({by}{comma}t.created_position) {beyond} "));
        if by.is_empty() {
            sql.push("(").push_bind(cursor).push(")");
        } else {
            // Where the last page ended, by the value that its last row has now.
            sql.push(format!(
                "(select {by}{comma}t.created_position {} ",
                V::FROM
            ))
            .push("where t.created_position = ")
            .push_bind(cursor)
            .push(")");
        }
    }
    sql.push(" order by ");
    if !by.is_empty() {
        sql.push(format!("{by}{order}, "));
    }
    sql.push(format!("t.created_position{order} limit "));
    sql.push_bind(query.page.limit.unwrap_or(CHUNK));
    sql.build_query_as().persistent(false).fetch_all(pool).await
}

fn narrow<V: View>(sql: &mut QueryBuilder<'static, Postgres>, query: &Query<V>, scope: Scope) {
    let mut conditions = Conditions::new(sql);
    if let Some((column, user_id)) = owner::<V>(scope) {
        conditions.exact(column, Some(user_id));
    }
    if let Some(column) = V::OWNER {
        conditions.exact(column, query.owner);
    }
    conditions.compare("t.created_at", "<", query.before);
    conditions.compare("t.created_at", ">=", query.after);
    V::narrow(&query.filter, &mut conditions);
}

fn owner<V: View>(scope: Scope) -> Option<(&'static str, i64)> {
    match scope {
        Scope::All => None,
        Scope::OwnedBy(user_id) => V::OWNER.map(|column| (column, user_id)),
    }
}
