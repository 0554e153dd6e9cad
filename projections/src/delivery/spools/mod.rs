//! The read model of attempts (spools).

mod fold;

use chrono::{DateTime, Utc, serde::ts_seconds, serde::ts_seconds_option};
use domain::Scope;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool};
use utoipa::{IntoParams, ToSchema};

use crate::{
    View,
    reads::{By, Conditions, Scoped},
    wire,
};

pub(super) use fold::take_in;

/// An attempt as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct SpoolRow {
    pub spool_id: i64,
    pub transmission_id: i64,
    pub account_id: Option<i64>,
    #[serde(with = "ts_seconds")]
    #[schema(value_type = i64)]
    pub time_spool: DateTime<Utc>,
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub time_start: Option<DateTime<Utc>>,
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub time_connect: Option<DateTime<Utc>>,
    #[serde(with = "ts_seconds_option")]
    #[schema(value_type = Option<i64>)]
    pub time_end: Option<DateTime<Utc>>,
    pub status: String,
    /// The response of the remote side; empty while there is none.
    #[serde(serialize_with = "wire::said")]
    #[schema(value_type = String)]
    pub response: Option<String>,
    pub outcome: Option<String>,
    pub provider_id: Option<i64>,
    pub amount: i32,
    #[serde(skip)]
    pub user_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of attempts. They are read with their transmission, and change too often
/// to have more indexes than that needs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SpoolFilter {
    pub transmission_id: Option<i64>,
}

impl View for SpoolRow {
    type Filter = SpoolFilter;

    const COLUMNS: &'static str = "t.spool_id, t.transmission_id, t.account_id, t.time_spool, \
        t.time_start, t.time_connect, t.time_end, t.status, t.response, t.outcome, \
        t.provider_id, t.amount, t.user_id, t.created_position, t.version";
    const FROM: &'static str = "from read.spools t";
    const ID: &'static str = "t.spool_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[("spool_id", By::Number("t.spool_id"))];

    fn narrow(filter: &SpoolFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.transmission_id", filter.transmission_id);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// All attempts of a transmission, the first one first.
pub async fn of_transmission(
    pool: &PgPool,
    transmission_id: i64,
    scope: &Scope,
) -> Result<Vec<SpoolRow>, sqlx::Error> {
    let sql = format!(
        "select {} {} where t.transmission_id = $1 and {} order by t.created_position",
        SpoolRow::COLUMNS,
        SpoolRow::FROM,
        Scoped::condition("t", 2)
    );
    let query = sqlx::query_as(&sql).bind(transmission_id);
    Scoped::new(scope).bind(query).fetch_all(pool).await
}

/// The transmission of an attempt.
pub async fn transmission_of(pool: &PgPool, spool_id: i64) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("select transmission_id from read.spools where spool_id = $1")
        .bind(spool_id)
        .fetch_optional(pool)
        .await
}
