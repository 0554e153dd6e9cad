//! Statistics from the counters that the projections maintain beside their rows: the cost does
//! not depend on the number of rows.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::{
    Scope,
    counts::{DAY, EVERYBODY, HOUR},
};

/// The statistics as clients see them.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct Statistics {
    pub campaign_total: i64,
    pub campaign_active: i64,
    pub group_total: i64,
    pub contact_total: i64,
    pub transmission_total: i64,
    pub transmission_active: i64,
    pub spool_total: i64,
    pub spool_success: i64,
    pub spool_failed: i64,
}

/// The scope of each count; a kind without a scope is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Whose {
    pub campaigns: Option<Scope>,
    pub groups: Option<Scope>,
    pub contacts: Option<Scope>,
    /// The scope of transmissions and of their attempts.
    pub transmissions: Option<Scope>,
}

/// The first and the last second at which counters can start: the years 1 to 9999.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

const SUMS: &str = "select \
    coalesce(sum(total) filter (where kind = 'campaign'), 0)::bigint as campaign_total, \
    coalesce(sum(active) filter (where kind = 'campaign'), 0)::bigint as campaign_active, \
    coalesce(sum(total) filter (where kind = 'group'), 0)::bigint as group_total, \
    coalesce(sum(total) filter (where kind = 'contact'), 0)::bigint as contact_total, \
    coalesce(sum(total) filter (where kind = 'transmission'), 0)::bigint as transmission_total, \
    coalesce(sum(active) filter (where kind = 'transmission'), 0)::bigint as transmission_active, \
    coalesce(sum(total) filter (where kind = 'spool'), 0)::bigint as spool_total, \
    coalesce(sum(completed) filter (where kind = 'spool'), 0)::bigint as spool_success, \
    coalesce(sum(failed) filter (where kind = 'spool'), 0)::bigint as spool_failed \
    from (select '' as kind, 0::bigint as total, 0::bigint as active, 0::bigint as completed, \
    0::bigint as failed where false";

/// Counts the rows that were created at `since` (unix seconds) or later; kinds with a service
/// only if it is one of the bits of `services`.
pub async fn statistics(
    pool: &PgPool,
    whose: Whose,
    services: Option<i32>,
    since: Option<i64>,
) -> Result<Statistics, sqlx::Error> {
    let mut sql = QueryBuilder::new(SUMS);
    // Clamped to the seconds at which counters can start.
    let since = since.map(|second| second.clamp(FIRST, LAST));
    for (kind, scope, services) in [
        ("campaign", whose.campaigns, services),
        ("group", whose.groups, None),
        ("contact", whose.contacts, None),
        ("transmission", whose.transmissions, services),
        ("spool", whose.transmissions, services),
    ] {
        let owner = match scope {
            None => continue,
            Some(Scope::All) => EVERYBODY,
            // No user has this id: a request for it must not get the counts of all users.
            Some(Scope::OwnedBy(EVERYBODY)) => -1,
            Some(Scope::OwnedBy(user_id)) => user_id,
        };
        sql.push(format!(
            " union all select '{kind}', total, active, completed, failed \
             from read.{kind}_counts where user_id = "
        ));
        sql.push_bind(owner);
        if let Some(services) = services {
            sql.push(" and service_flag & ").push_bind(services);
            sql.push(" <> 0");
        }
        narrow(&mut sql, since);
    }
    sql.push(") counters");
    // Planned each time, like lists: a plan made while the tables were small would be kept.
    sql.build_query_as().persistent(false).fetch_one(pool).await
}

/// Selects spans that do not overlap, since the counters of each span count all rows: days only,
/// or from `since` on the seconds up to a whole hour, the hours up to a whole day, and the days.
fn narrow(sql: &mut QueryBuilder<'static, Postgres>, since: Option<i64>) {
    let Some(since) = since else {
        sql.push(format!(" and span = {DAY}"));
        return;
    };
    let (hour, day) = (next(since, HOUR), next(since, DAY));
    sql.push(format!(" and (span = {DAY} and starts_at >= "));
    sql.push_bind(time(day));
    for (span, from, to) in [(HOUR, hour, day), (1, since, hour)] {
        sql.push(format!(" or span = {span} and starts_at >= "));
        sql.push_bind(time(from)).push(" and starts_at < ");
        sql.push_bind(time(to));
    }
    sql.push(")");
}

/// The start of the first span that begins at `second` or later.
fn next(second: i64, span: i64) -> i64 {
    second + (-second).rem_euclid(span)
}

fn time(second: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(second, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_its_first_second() {
        assert_eq!(next(0, DAY), 0);
        assert_eq!(next(1, DAY), DAY);
        assert_eq!(next(DAY, DAY), DAY);
        assert_eq!(next(-1, DAY), 0);
        assert_eq!(next(90_001, HOUR), 93_600);
    }
}
