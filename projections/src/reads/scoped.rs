//! Scopes in SQL.

use domain::{Id, Owner, Scope, access::Tenant};
use sqlx::{Postgres, QueryBuilder, postgres::PgArguments, query::QueryAs};

use super::View;

/// A scope, as values for a statement.
pub(crate) struct Scoped {
    everything: bool,
    whole: Vec<i64>,
    user: i64,
    own: Vec<i64>,
}

impl Scoped {
    /// The values of this scope.
    pub fn new(scope: &Scope) -> Self {
        let numbers = |tenants: &domain::Tenants| tenants.iter().map(|it| it.get()).collect();
        match scope {
            Scope::Installation => Self {
                everything: true,
                whole: Vec::new(),
                user: 0,
                own: Vec::new(),
            },
            Scope::Within(reach) => Self {
                everything: false,
                whole: numbers(&reach.whole),
                user: reach.user.get(),
                own: numbers(&reach.own),
            },
        }
    }

    /// A condition on a row of the table with this alias, whose values are bound from `$first` on
    /// by [`Scoped::bind`]: for rows that are found by an id.
    pub fn condition(alias: &str, first: usize) -> String {
        let (whole, user, own) = (first + 1, first + 2, first + 3);
        format!(
            "(${first} or {alias}.tenant_id = any(${whole}) \
               or {alias}.user_id = ${user} and {alias}.tenant_id = any(${own}))"
        )
    }

    /// Binds the values of [`Scoped::condition`].
    pub fn bind<'q, T>(
        self,
        query: QueryAs<'q, Postgres, T, PgArguments>,
    ) -> QueryAs<'q, Postgres, T, PgArguments> {
        query
            .bind(self.everything)
            .bind(self.whole)
            .bind(self.user)
            .bind(self.own)
    }

    /// Adds the condition to a list: only the part that restricts it, so that the list is planned
    /// with the fitting index.
    pub fn narrow<V: View>(self, sql: &mut QueryBuilder<'static, Postgres>) {
        if self.everything {
            return;
        }
        match (V::OWNER, V::TENANT) {
            (None, None) => {}
            (None, Some(tenant)) => {
                sql.push(" and ");
                any_of(sql, tenant, self.whole);
            }
            (Some(owner), None) => {
                sql.push(format!(" and {owner} = ")).push_bind(self.user);
            }
            (Some(owner), Some(tenant)) => self.owned(sql, owner, tenant),
        }
    }

    /// Adds the condition to a sum of counters, of which those of user 0 count all of a tenant;
    /// with `user`, only that user's rows count.
    pub fn narrow_counters(self, sql: &mut QueryBuilder<'static, Postgres>, user: Option<i64>) {
        if let Some(user) = user {
            // No user has id 0: a request for it must not get the counts of all users.
            let asked = if user == 0 { -1 } else { user };
            sql.push(" and user_id = ").push_bind(asked);
            if !self.everything {
                let own = if user == self.user {
                    self.own
                } else {
                    Vec::new()
                };
                sql.push(" and ");
                any_of(sql, "tenant_id", [self.whole, own].concat());
            }
        } else if self.everything {
            sql.push(" and user_id = 0");
        } else {
            sql.push(" and (user_id = 0 and ");
            any_of(sql, "tenant_id", self.whole);
            sql.push(" or user_id = ").push_bind(self.user);
            sql.push(" and ");
            any_of(sql, "tenant_id", self.own);
            sql.push(")");
        }
    }

    fn owned(self, sql: &mut QueryBuilder<'static, Postgres>, owner: &str, tenant: &str) {
        if self.own.is_empty() {
            sql.push(" and ");
            return any_of(sql, tenant, self.whole);
        }
        sql.push(format!(" and ({owner} = ")).push_bind(self.user);
        sql.push(" and ");
        any_of(sql, tenant, self.own);
        if !self.whole.is_empty() {
            sql.push(" or ");
            any_of(sql, tenant, self.whole);
        }
        sql.push(")");
    }
}

/// Matches rows of some tenants. With a single one an index also gives the order.
fn any_of(sql: &mut QueryBuilder<'static, Postgres>, column: &str, tenants: Vec<i64>) {
    match tenants.as_slice() {
        [tenant] => sql.push(format!("{column} = ")).push_bind(*tenant),
        _ => sql
            .push(format!("{column} = any("))
            .push_bind(tenants)
            .push(")"),
    };
}

/// The owner of a row, by its columns.
pub(crate) fn owner(tenant: i64, user: Option<i64>) -> Owner {
    Owner {
        tenant: Id::<Tenant>::new(tenant),
        user: user.map(Id::new),
    }
}
