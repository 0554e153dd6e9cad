//! How many rows a list has.

use sqlx::{PgPool, QueryBuilder};

use super::{Query, Scope, View, statement};

/// Whose rows `read.totals` counts under this number: everybody's.
const EVERYBODY: i64 = 0;

/// How many rows a list has without its page. A whole list's number, or that of all that
/// somebody owns, is kept with the rows and only looked up; with any other filter what
/// fits is counted.
pub async fn count<V: View>(
    pool: &PgPool,
    query: &Query<V>,
    scope: Scope,
) -> Result<i64, sqlx::Error> {
    if let Some(owner) = everything_of(query, scope)
        && let Some(total) = kept::<V>(pool, owner).await?
    {
        return Ok(total);
    }
    let mut sql = QueryBuilder::new("");
    statement::count(&mut sql, query, scope);
    sql.build_query_scalar()
        .persistent(false)
        .fetch_one(pool)
        .await
}

/// Whose, if nothing but the owner narrows the list.
fn everything_of<V: View>(query: &Query<V>, scope: Scope) -> Option<i64> {
    if query.before.is_some() || query.after.is_some() || statement::is_narrowed(query) {
        return None;
    }
    match (statement::owner::<V>(scope), query.owner) {
        (None, None) => Some(EVERYBODY),
        // Users own themselves, each of them one row.
        _ if V::OWNER == Some(V::ID) => None,
        (Some((_, owner)), None) | (None, Some(owner)) => Some(owner),
        (Some((_, owner)), Some(asked)) => (owner == asked).then_some(owner),
    }
}

/// The number that is kept; nothing if none is for this table.
async fn kept<V: View>(pool: &PgPool, owner: i64) -> Result<Option<i64>, sqlx::Error> {
    let Some(table) = table::<V>() else {
        return Ok(None);
    };
    sqlx::query_scalar(
        "select coalesce((select total from read.totals where list = $1 and user_id = $2), 0) \
         from read.totals where list = $1 and user_id = $3",
    )
    .bind(table)
    .bind(owner)
    .bind(EVERYBODY)
    .fetch_optional(pool)
    .await
}

/// The view's main table, if it is a read model.
fn table<V: View>() -> Option<&'static str> {
    V::FROM.strip_prefix("from read.")?.split(' ').next()
}
