//! The total number of rows of a list.

use domain::Scope;
use sqlx::{PgPool, QueryBuilder};

use super::{Query, Scoped, View, statement};

/// The number of rows of a list on all pages. The totals of owners and tenants are maintained with
/// the rows and only looked up; with any other filter the rows are counted.
pub async fn count<V: View>(
    pool: &PgPool,
    query: &Query<V>,
    scope: &Scope,
) -> Result<i64, sqlx::Error> {
    if !is_filtered(query)
        && let Some(total) = kept::<V>(pool, scope, query.owner).await?
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

/// True if anything but the scope and the owner restricts the list.
fn is_filtered<V: View>(query: &Query<V>) -> bool {
    query.tenant.is_some()
        || query.before.is_some()
        || query.after.is_some()
        || statement::is_narrowed(query)
}

/// The maintained total; none if this table has no totals. In `read.totals` user 0 is all of a
/// tenant, and tenant 0 the installation.
async fn kept<V: View>(
    pool: &PgPool,
    scope: &Scope,
    owner: Option<i64>,
) -> Result<Option<i64>, sqlx::Error> {
    let Some(table) = table::<V>() else {
        return Ok(None);
    };
    let scope = match V::TENANT {
        Some(_) => scope,
        None => &Scope::Installation,
    };
    // The owner column of users is their own id: they are counted by tenant only.
    if V::OWNER == Some(V::ID) && (owner.is_some() || reaches_own(scope)) {
        return Ok(None);
    }
    let mut sql =
        QueryBuilder::new("select coalesce((select sum(total) from read.totals where list = ");
    sql.push_bind(table);
    Scoped::new(scope).narrow_counters(&mut sql, owner);
    sql.push("), 0)::bigint where exists (select from read.totals where list = ");
    sql.push_bind(table).push(")");
    sql.build_query_scalar().fetch_optional(pool).await
}

fn reaches_own(scope: &Scope) -> bool {
    matches!(scope, Scope::Within(reach) if !reach.own.is_empty())
}

/// The view's main table, if it is a read model.
fn table<V: View>() -> Option<&'static str> {
    V::FROM.strip_prefix("from read.")?.split(' ').next()
}
