//! The read model of conditions.

use domain::{
    Event,
    pbx::{ConditionDetails, ConditionEvent, routing::condition_problems},
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, types::Json};
use utoipa::{IntoParams, ToSchema};

use super::record::{Columns, RecordTable, columns_of};
use crate::{
    View,
    reads::{self, By},
    wire,
};

/// A condition as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ConditionRow {
    pub condition_id: i64,
    pub name: Option<String>,
    /// The word for the question, such as WEEKTIME.
    pub condition_type: Option<String>,
    /// The time zone of times in the parameters; UTC without one.
    pub timezone: Option<String>,
    pub param1: Option<String>,
    pub param2: Option<String>,
    pub param3: Option<String>,
    pub param4: Option<String>,
    pub param5: Option<String>,
    pub param6: Option<String>,
    pub param7: Option<String>,
    pub param8: Option<String>,
    pub param9: Option<String>,
    pub param10: Option<String>,
    pub param11: Option<String>,
    pub param12: Option<String>,
    /// 0 for a condition that is not understood: it is false for every call.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub understood: bool,
    /// The reason for which it is not understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false)]
    pub problem: Option<String>,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of conditions.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ConditionFilter {
    pub condition_id: Option<i64>,
    pub name: Option<String>,
    pub condition_type: Option<String>,
    pub timezone: Option<String>,
    pub understood: Option<bool>,
}

impl View for ConditionRow {
    type Filter = ConditionFilter;

    const COLUMNS: &'static str = "t.condition_id, t.name, t.condition_type, t.timezone, \
        t.param1, t.param2, t.param3, t.param4, t.param5, t.param6, t.param7, t.param8, \
        t.param9, t.param10, t.param11, t.param12, t.problem is null as understood, t.problem, \
        t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.conditions t";
    const ID: &'static str = "t.condition_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("condition_id", By::Number("t.condition_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        (
            "condition_type",
            By::Text("lower(coalesce(t.condition_type, ''))"),
        ),
        ("timezone", By::Text("lower(coalesce(t.timezone, ''))")),
    ];

    fn narrow(filter: &ConditionFilter, conditions: &mut reads::Conditions<'_>) {
        conditions.exact("t.condition_id", filter.condition_id);
        conditions.contains("t.name", &filter.name);
        conditions.word("t.condition_type", &filter.condition_type);
        conditions.word("t.timezone", &filter.timezone);
        conditions.exact("(t.problem is null)", filter.understood);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `conditions`.
pub struct Conditions;

impl RecordTable for Conditions {
    type Details = ConditionDetails;

    const TABLE: &'static str = "conditions";
    const KEY: &'static str = "condition_id";

    fn event(event: &Event) -> Option<&ConditionEvent> {
        match event {
            Event::Condition(event) => Some(event),
            _ => None,
        }
    }

    fn columns(details: &ConditionDetails) -> serde_json::Result<Columns> {
        let mut columns = columns_of(details)?;
        columns.remove("params");
        for (number, param) in (1..).zip(&details.params) {
            columns.insert(format!("param{number}"), serde_json::to_value(param)?);
        }
        Ok(columns)
    }

    /// Whether a condition is understood depends on those that it names.
    async fn settle(db: &mut PgConnection, tenants: &[i64]) -> Result<(), sqlx::Error> {
        for tenant in tenants {
            let conditions: Vec<(i64, Json<ConditionDetails>)> = sqlx::query_as(
                "select condition_id, jsonb_build_object( \
                   'condition_type', condition_type, 'timezone', timezone, \
                   'params', jsonb_build_array(param1, param2, param3, param4, param5, param6, \
                     param7, param8, param9, param10, param11, param12)) \
                 from conditions where tenant_id = $1",
            )
            .bind(tenant)
            .fetch_all(&mut *db)
            .await?;
            let problems = condition_problems(conditions.iter().map(|(id, it)| (*id, &it.0)));
            let (ids, reasons): (Vec<i64>, Vec<String>) = problems.into_iter().unzip();
            sqlx::query(
                "update conditions c set problem = found.reason \
                 from conditions every_one \
                   left join unnest($2::bigint[], $3::text[]) found (id, reason) \
                     on found.id = every_one.condition_id \
                 where every_one.tenant_id = $1 and c.condition_id = every_one.condition_id \
                   and c.problem is distinct from found.reason",
            )
            .bind(tenant)
            .bind(ids)
            .bind(reasons)
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }
}
