//! The total number of rows of a list.

use sqlx::{PgPool, QueryBuilder};

use super::{Query, Scope, View, statement};

/// The user id under which `read.totals` counts the rows of all users.
const EVERYBODY: i64 = 0;

/// The number of rows of a list on all pages. The total of a whole list, or of all rows of one
/// owner, is maintained with the rows and only looked up; with any other filter the rows are
/// counted.
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

/// The user id whose total answers the query, if only the owner restricts the list.
fn everything_of<V: View>(query: &Query<V>, scope: Scope) -> Option<i64> {
    if query.before.is_some() || query.after.is_some() || statement::is_narrowed(query) {
        return None;
    }
    match (statement::owner::<V>(scope), query.owner) {
        (None, None) => Some(EVERYBODY),
        // The owner column of users is their own id: there is no total for each owner.
        _ if V::OWNER == Some(V::ID) => None,
        (Some((_, owner)), None) | (None, Some(owner)) => Some(owner),
        (Some((_, owner)), Some(asked)) => (owner == asked).then_some(owner),
    }
}

/// The maintained total; none if this table has no totals.
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
