//! The plans that Postgres makes of every list, with every filter and sort: none may read a
//! whole table, or sort it.

mod explained;
mod filled;

use chrono::{DateTime, TimeDelta};
use domain::{Id, Scope, Tenants};
use futures::future::BoxFuture;
use sqlx::{PgPool, QueryBuilder};

use self::{explained::Explained, filled::samples};
use super::ScratchLog;
use crate::{
    Query, View, ViewVisitor, count, page,
    pbx::cdrs::{CdrFilter, history_query},
    people::contacts::ContactRow,
    reads::statement,
    views,
};

/// All lists.
#[derive(Default)]
struct Lists(Vec<List>);

impl ViewVisitor for Lists {
    fn visit<V: View>(&mut self) {
        let name = name_of::<V>();
        let is_known = self.0.iter().any(|list| list.name == name);
        // Attempts are read with their transmission.
        if !is_known && name != "SpoolRow" {
            self.0.push(List::new::<V>());
        }
    }
}

/// The number of rows, enough for Postgres to prefer an index wherever there is one; the variable
/// sets another number for tests by hand.
const ROWS: i64 = 30_000;
const ROWS_VARIABLE: &str = "LEDGERLINE_TEST_ROWS";

/// The divisor of the number of rows that gives the most rows that a page of 100 may read.
const PART: i64 = 10;

fn rows() -> i64 {
    let given = std::env::var(ROWS_VARIABLE).ok();
    given.and_then(|rows| rows.parse().ok()).unwrap_or(ROWS)
}

/// A user who owns few rows, and a user who owns half of all rows.
const FEW: i64 = 42;
const MUCH: i64 = 1;

type Pairs = Vec<(String, String)>;

/// A list under test, with the operations that all lists have.
struct List {
    name: &'static str,
    filters: &'static [&'static str],
    sorts: Vec<&'static str>,
    is_owned: bool,
    accepts: fn(&[(&str, &str)]) -> bool,
    explain: for<'a> fn(&'a PgPool, Pairs, Scope, Ask) -> BoxFuture<'a, Explained>,
    next: for<'a> fn(&'a PgPool, Pairs) -> BoxFuture<'a, String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ask {
    Page,
    Count,
}

impl List {
    fn new<V: View>() -> Self {
        Self {
            name: name_of::<V>(),
            filters: filled::fields::<V::Filter>(),
            sorts: V::SORTS.iter().map(|(field, _)| *field).collect(),
            is_owned: V::OWNER.is_some(),
            accepts: |pairs| Query::<V>::parse(owned(pairs)).is_ok(),
            explain: |pool, pairs, scope, ask| Box::pin(explain::<V>(pool, pairs, scope, ask)),
            next: |pool, pairs| {
                Box::pin(async move {
                    let query = Query::<V>::parse(pairs).unwrap();
                    let page = page(pool, &query, &Scope::Installation).await.unwrap();
                    page.next.unwrap().to_string()
                })
            },
        }
    }

    /// The queries to test: every parameter of a query string, one at a time.
    async fn asked(&self, pool: &PgPool) -> Vec<(Pairs, Vec<Ask>)> {
        let mut asked = vec![];
        let at = |share: i64| filled::BEGINNING + rows() / 100 * share;
        for share in [1, 50, 99] {
            let position = (rows() * 3 / 100 * share).to_string();
            asked.push((vec![("cursor", position)], vec![Ask::Page]));
            asked.push((vec![("after", at(share).to_string())], vec![Ask::Page]));
            asked.push((vec![("before", at(share).to_string())], vec![Ask::Page]));
        }
        for user in [FEW, MUCH].into_iter().filter(|_| self.is_owned) {
            asked.push((vec![("created_by", user.to_string())], vec![Ask::Page]));
        }
        for field in self.filters {
            let (rare, common) = samples(field, |value| (self.accepts)(&[(field, value)]));
            asked.push((vec![(field, rare.to_owned())], vec![Ask::Page, Ask::Count]));
            asked.push((vec![(field, common.to_owned())], vec![Ask::Page]));
        }
        for field in &self.sorts {
            let (up, down) = ((*field).to_owned(), format!("-{field}"));
            for (sort, back) in [(&up, &down), (&down, &up)] {
                asked.push((vec![("sort", sort.clone())], vec![Ask::Page]));
                // A cursor near the end of the reverse list is far into this list.
                let back = owned(&[("sort", back), ("limit", "100")]);
                let cursor = (self.next)(pool, back).await;
                let deep = vec![("sort", sort.clone()), ("cursor", cursor)];
                asked.push((deep, vec![Ask::Page]));
            }
        }
        let owned = |(name, value): (&str, String)| (name.to_owned(), value);
        asked
            .into_iter()
            .map(|(pairs, asks)| (pairs.into_iter().map(owned).collect(), asks))
            .collect()
    }
}

/// All rows, those of users and of tenants with few and with many rows, and of both a tenant and a
/// user.
fn scopes() -> [Scope; 6] {
    let tenant = |id| [Id::new(id)].into();
    [
        Scope::Installation,
        own(FEW),
        own(MUCH),
        Scope::within(Id::new(FEW), Tenants::new(), tenant(FEW)),
        Scope::within(Id::new(FEW), Tenants::new(), tenant(MUCH)),
        Scope::within(Id::new(FEW), tenant(FEW), tenant(FEW + 1)),
    ]
}

/// The rows of a user, all of which are of the tenant with the same number.
fn own(user: i64) -> Scope {
    Scope::own(Id::new(user), [Id::new(user)])
}

fn owned(pairs: &[(&str, &str)]) -> Pairs {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

/// Explains the statement that a client's request would execute, with the same values.
async fn explain<V: View>(pool: &PgPool, pairs: Pairs, scope: Scope, ask: Ask) -> Explained {
    executed(pool, &Query::<V>::parse(pairs).unwrap(), &scope, ask).await
}

async fn executed<V: View>(pool: &PgPool, query: &Query<V>, scope: &Scope, ask: Ask) -> Explained {
    let mut sql = QueryBuilder::new("explain (analyze, timing off, format json) ");
    match ask {
        Ask::Page => statement::page(&mut sql, query, scope, 101),
        Ask::Count => statement::count(&mut sql, query, scope),
    }
    let plan: serde_json::Value = sql
        .build_query_scalar()
        .persistent(false)
        .fetch_one(pool)
        .await
        .unwrap();
    Explained::new(&plan)
}

#[tokio::test]
async fn every_list_is_served_by_indexes() {
    let scratch = ScratchLog::open().await;
    filled::fill(&scratch.pool, rows()).await;
    let (mut wrong, mut looked) = (Vec::new(), 0);
    let mut lists = Lists::default();
    views(&mut lists);
    for list in lists.0 {
        for (pairs, asks) in list.asked(&scratch.pool).await {
            for scope in scopes() {
                for &ask in &asks {
                    let plan =
                        (list.explain)(&scratch.pool, pairs.clone(), scope.clone(), ask).await;
                    looked += 1;
                    if let Some(complaint) = plan.complaint(rows() / PART) {
                        wrong.push(format!(
                            "{} {pairs:?} {scope:?} {ask:?}: {complaint}",
                            list.name
                        ));
                    }
                }
            }
        }
    }
    wrong.extend(history_of_a_day(&scratch.pool).await);
    assert!(looked > 500, "{looked} plans");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    scratch.close().await;
}

/// The faults of the plans for a tenant's calls of a day, which are to be read in their order.
async fn history_of_a_day(pool: &PgPool) -> Vec<String> {
    let day = DateTime::from_timestamp(filled::BEGINNING + 5 * 86_400, 0).unwrap();
    let mut wrong = Vec::new();
    for scope in [Scope::Installation, own(MUCH)] {
        let filter = CdrFilter {
            started: Some(day..day + TimeDelta::days(1)),
            ..CdrFilter::default()
        };
        let query = history_query(Id::new(MUCH), filter);
        let plan = executed(pool, &query, &scope, Ask::Page).await;
        wrong.extend(plan.complaint(202));
    }
    wrong
}

/// A prepared statement that is kept would change to a generic plan after five executions.
#[tokio::test]
async fn no_list_is_planned_for_any_value() {
    let scratch = ScratchLog::open().await;
    let options = (*scratch.pool.connect_options()).clone();
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .unwrap();
    for _ in 0..10 {
        let query = Query::<ContactRow>::parse(owned(&[("phone", "1"), ("limit", "5")])).unwrap();
        page(&pool, &query, &own(1)).await.unwrap();
        count(&pool, &query, &own(1)).await.unwrap();
    }
    let kept: Vec<String> =
        sqlx::query_scalar("select statement from pg_prepared_statements where statement like $1")
            .bind("%where true%")
            .fetch_all(&pool)
            .await
            .unwrap();
    assert_eq!(kept, Vec::<String>::new());
    pool.close().await;
    scratch.close().await;
}

fn name_of<V>() -> &'static str {
    let name = std::any::type_name::<V>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}
