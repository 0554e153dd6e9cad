//! Counters of rows by owner, service and second of creation, updated in the transaction that
//! changes the rows. The changes are computed from the rows before and after, so a rebuild
//! arrives at the same counters.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// The spans of time that a counter covers, in seconds: a count from some second on adds up
/// whole days, the remaining hours and the remaining seconds.
pub(crate) const SPANS: [i64; 3] = [1, HOUR, DAY];
pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 86_400;

/// The user id under which all rows of a tenant are counted together.
const EVERYBODY: i64 = 0;

/// A definition of counters, in parts of SQL; the alias of the counted rows is `t`.
pub(crate) struct Counted {
    /// The table of the counters.
    pub table: &'static str,
    /// The `from` clause of the counted rows.
    pub rows: &'static str,
    /// The column that is compared with the ids of changed rows.
    pub by: &'static str,
    /// The `service_flag` of a row.
    pub service: &'static str,
    /// The conditions of a row in progress, one that ended well, and one that ended otherwise.
    pub states: [&'static str; 3],
}

/// Numbers of rows: in total, in progress, ended well, ended otherwise.
type Numbers = [i64; 4];

/// The ids of a tenant and of a user within it.
type Owned = (i64, i64);

/// The numbers of rows of each owner, service and second of creation.
pub(crate) type Tally = BTreeMap<(Owned, i32, i64), Numbers>;

/// The key of a row of counters: owner, span, first second of the span, service.
type Key = (Owned, i64, i64, i32);

impl Counted {
    /// Counts the rows with these ids.
    pub async fn tally(&self, db: &mut PgConnection, ids: &[i64]) -> Result<Tally, sqlx::Error> {
        if ids.is_empty() {
            return Ok(Tally::new());
        }
        let Self {
            rows, by, service, ..
        } = self;
        let [active, completed, failed] = self.states;
        let sql = format!(
            "select t.tenant_id, t.user_id, {service}, floor(extract(epoch from t.created_at))::bigint, \
               count(*), count(*) filter (where {active}), \
               count(*) filter (where {completed}), count(*) filter (where {failed}) \
             from {rows} where {by} = any($1) group by 1, 2, 3, 4"
        );
        type Counts = (i64, i64, i32, i64, i64, i64, i64, i64);
        let counts: Vec<Counts> = sqlx::query_as(&sql).bind(ids).fetch_all(db).await?;
        let tally = counts.into_iter().map(
            |(tenant, user, service, second, total, active, completed, failed)| {
                let numbers = [total, active, completed, failed];
                (((tenant, user), service, second), numbers)
            },
        );
        Ok(tally.collect())
    }

    /// Updates the counters by the difference between the rows before and after a change.
    pub async fn keep(
        &self,
        db: &mut PgConnection,
        before: &Tally,
        after: &Tally,
    ) -> Result<(), sqlx::Error> {
        let changes = changes(before, after);
        if changes.is_empty() {
            return Ok(());
        }
        self.add(db, &changes).await?;
        let fewer: Vec<_> = changes
            .into_iter()
            .filter(|(_, numbers)| numbers[0] < 0)
            .collect();
        self.sweep(db, &fewer).await
    }

    async fn add(
        &self,
        db: &mut PgConnection,
        changes: &[(Key, Numbers)],
    ) -> Result<(), sqlx::Error> {
        let table = self.table;
        let sql = format!(
            "insert into {table} as t (tenant_id, user_id, span, starts_at, service_flag, total, \
               active, completed, failed) \
             select * from unnest($1::bigint[], $2::bigint[], $3::int[], $4::timestamptz[], \
               $5::int[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]) \
             on conflict (user_id, span, starts_at, service_flag, tenant_id) do update \
             set total = t.total + excluded.total, active = t.active + excluded.active, \
               completed = t.completed + excluded.completed, failed = t.failed + excluded.failed"
        );
        let number = |index: usize| changes.iter().map(|(_, n)| n[index]).collect::<Vec<_>>();
        keyed(sqlx::query(&sql), changes)
            .bind(number(0))
            .bind(number(1))
            .bind(number(2))
            .bind(number(3))
            .execute(db)
            .await
            .map(drop)
    }

    /// Deletes counters that have become 0, because a rebuild never makes such rows.
    async fn sweep(
        &self,
        db: &mut PgConnection,
        fewer: &[(Key, Numbers)],
    ) -> Result<(), sqlx::Error> {
        if fewer.is_empty() {
            return Ok(());
        }
        let table = self.table;
        let sql = format!(
            "delete from {table} t using unnest($1::bigint[], $2::bigint[], $3::int[], \
               $4::timestamptz[], $5::int[]) as u (tenant_id, user_id, span, starts_at, \
               service_flag) \
             where t.tenant_id = u.tenant_id and t.user_id = u.user_id and t.span = u.span \
               and t.starts_at = u.starts_at and t.service_flag = u.service_flag and t.total = 0"
        );
        keyed(sqlx::query(&sql), fewer).execute(db).await.map(drop)
    }
}

type Statement<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn keyed<'q>(query: Statement<'q>, rows: &[(Key, Numbers)]) -> Statement<'q> {
    let tenants: Vec<i64> = rows.iter().map(|(((tenant, _), ..), _)| *tenant).collect();
    let users: Vec<i64> = rows.iter().map(|(((_, user), ..), _)| *user).collect();
    let spans: Vec<i32> = rows.iter().map(|((_, span, ..), _)| *span as i32).collect();
    let starts = rows.iter().map(|((_, _, starts_at, _), _)| *starts_at);
    let starts: Vec<Option<DateTime<Utc>>> = starts
        .map(|second| DateTime::from_timestamp(second, 0))
        .collect();
    let services: Vec<i32> = rows.iter().map(|((.., service), _)| *service).collect();
    query
        .bind(tenants)
        .bind(users)
        .bind(spans)
        .bind(starts)
        .bind(services)
}

/// The amounts to add to the counters, in the order of their keys.
fn changes(before: &Tally, after: &Tally) -> Vec<(Key, Numbers)> {
    let mut changes: BTreeMap<Key, Numbers> = BTreeMap::new();
    for (sign, tally) in [(-1, before), (1, after)] {
        for (((tenant, user), service, second), numbers) in tally {
            for span in SPANS {
                let starts = second - second.rem_euclid(span);
                for user in [*user, EVERYBODY] {
                    let key = ((*tenant, user), span, starts, *service);
                    let change = changes.entry(key).or_default();
                    for (sum, number) in change.iter_mut().zip(numbers) {
                        *sum += sign * number;
                    }
                }
            }
        }
    }
    changes.retain(|_, numbers| *numbers != [0; 4]);
    changes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_changed_its_state_is_counted_once() {
        let before = Tally::from([(((1, 7), 8, 90_061), [2, 1, 1, 0])]);
        let after = Tally::from([(((1, 7), 8, 90_061), [2, 0, 2, 0])]);
        let change = [0, -1, 1, 0];
        let expected = [0, 7].map(|user| {
            [(1, 90_061), (HOUR, 90_000), (DAY, DAY)]
                .map(|(span, starts)| (((1, user), span, starts, 8), change))
        });
        assert_eq!(changes(&before, &after), expected.concat());
    }

    #[test]
    fn an_unchanged_row_changes_no_counter() {
        let tally = Tally::from([(((1, 7), 8, -1), [2, 1, 1, 0])]);
        assert_eq!(changes(&tally, &tally), vec![]);
    }

    #[test]
    fn what_was_before_1970_starts_before_it() {
        let changes = changes(
            &Tally::new(),
            &Tally::from([(((1, 7), 0, -1), [1, 0, 0, 0])]),
        );
        assert!(
            changes
                .iter()
                .all(|((_, span, starts, _), _)| *starts == -*span)
        );
    }
}
