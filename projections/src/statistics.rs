//! Statistics from the counters that the projections maintain beside their rows: the cost does
//! not depend on the number of rows.

use chrono::{DateTime, Utc};
use domain::Scope;
use serde::Serialize;
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::{
    counts::{DAY, HOUR},
    reads::Scoped,
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

/// The rows that are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Selection {
    pub campaigns: Scope,
    pub groups: Scope,
    pub contacts: Scope,
    /// The scope of transmissions and of their attempts.
    pub transmissions: Scope,
    /// Only the rows of this user.
    pub user: Option<i64>,
    /// Of kinds with a service, only the rows of these, a bitmask.
    pub services: Option<i32>,
    /// Only rows created at this unix second or later.
    pub since: Option<i64>,
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

/// Counts the selected rows.
pub async fn statistics(pool: &PgPool, selected: &Selection) -> Result<Statistics, sqlx::Error> {
    let mut sql = QueryBuilder::new(SUMS);
    // Clamped to the seconds at which counters can start.
    let since = selected.since.map(|second| second.clamp(FIRST, LAST));
    let services = selected.services;
    for (kind, scope, services) in [
        ("campaign", &selected.campaigns, services),
        ("group", &selected.groups, None),
        ("contact", &selected.contacts, None),
        ("transmission", &selected.transmissions, services),
        ("spool", &selected.transmissions, services),
    ] {
        sql.push(format!(
            " union all select '{kind}', total, active, completed, failed \
             from read.{kind}_counts where true"
        ));
        Scoped::new(scope).narrow_counters(&mut sql, selected.user);
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
