//! The statements of lists. They are never kept prepared, so that Postgres plans each for its own
//! filters and values: a generic plan would be bad for most values.

use domain::Scope;
use sqlx::{Postgres, QueryBuilder};

use super::{Conditions, Query, Scoped, View};

type Sql = QueryBuilder<'static, Postgres>;

/// Writes the statement that reads at most `limit` rows after the cursor.
pub(crate) fn page<V: View>(sql: &mut Sql, query: &Query<V>, scope: &Scope, limit: i64) {
    let sort = query.sort();
    let column = sort.map_or(String::new(), |sort| sort.by.column());
    sql.push(format!("select {}{column} {}", V::COLUMNS, V::FROM));
    narrow(sql, query, scope);
    let by = sort.map_or(String::new(), |sort| format!("{}, ", sort.by.expression()));
    let (beyond, order) = match sort {
        Some(sort) if sort.descending => ("<", " desc"),
        _ => (">", ""),
    };
    if let Some(cursor) = &query.page.cursor {
        sql.push(format!(" and ({by}t.created_position) {beyond} ("));
        if let Some(mark) = &cursor.mark {
            mark.bind(sql);
            sql.push(", ");
        }
        sql.push_bind(cursor.position).push(")");
    }
    let by = sort.map_or(String::new(), |sort| {
        format!("{}{order}, ", sort.by.expression())
    });
    sql.push(format!(" order by {by}t.created_position{order} limit "));
    sql.push_bind(limit);
}

/// Writes the statement that counts the rows of all pages.
pub(crate) fn count<V: View>(sql: &mut Sql, query: &Query<V>, scope: &Scope) {
    sql.push(format!("select count(*) {}", V::FROM));
    narrow(sql, query, scope);
}

/// True if the view's own filter adds a condition.
pub(super) fn is_narrowed<V: View>(query: &Query<V>) -> bool {
    let mut sql = QueryBuilder::new("");
    V::narrow(&query.filter, &mut Conditions::new(&mut sql));
    !sql.sql().is_empty()
}

fn narrow<V: View>(sql: &mut Sql, query: &Query<V>, scope: &Scope) {
    sql.push(" where true");
    Scoped::new(scope).narrow::<V>(sql);
    let mut conditions = Conditions::new(sql);
    if let Some(column) = V::OWNER {
        conditions.exact(column, query.owner);
    }
    if let Some(column) = V::TENANT {
        conditions.exact(column, query.tenant);
    }
    conditions.compare("t.created_at", "<", query.before);
    conditions.compare("t.created_at", ">=", query.after);
    V::narrow(&query.filter, &mut conditions);
}
