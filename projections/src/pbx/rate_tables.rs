//! The read model of rate tables. A list shows the number of rates of each; one alone shows the
//! rates, of which there may be thousands.

use domain::{
    Event,
    pbx::{RateTableDetails, RateTableEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, types::Json};
use utoipa::{IntoParams, ToSchema};

use super::record::{Columns, RecordTable, columns_of};
use crate::{
    View,
    reads::{By, Conditions},
    wire,
};

/// A rate table as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct RateTableRow {
    pub rate_table_id: i64,
    pub name: Option<String>,
    /// The currency, as an ISO 4217 code.
    pub currency: Option<String>,
    #[schema(value_type = Vec<RateView>)]
    pub rates: Json<Vec<RateView>>,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The price of calls to numbers that begin alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RateView {
    /// The digits that the numbers begin with, in international form without `+`; empty for all.
    pub prefix: String,
    /// The price of a minute, in millionths of the currency.
    pub per_minute: i64,
    /// The price of an answered call, whatever its length, in millionths of the currency.
    pub per_call: i64,
    /// The seconds that a call is charged in steps of.
    pub increment: i32,
}

/// A rate table in a list.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct RateTableSummary {
    pub rate_table_id: i64,
    pub name: Option<String>,
    /// The currency, as an ISO 4217 code.
    pub currency: Option<String>,
    /// The number of rates.
    pub rate_total: i32,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of rate tables.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RateTableFilter {
    pub rate_table_id: Option<i64>,
    pub name: Option<String>,
    pub currency: Option<String>,
    pub rate_total: Option<i32>,
}

const FROM: &str = "from read.rate_tables t";
const ID: &str = "t.rate_table_id";
const SORTS: &[(&str, By)] = &[
    ("rate_table_id", By::Number("t.rate_table_id")),
    ("name", By::Text("lower(coalesce(t.name, ''))")),
    ("currency", By::Text("lower(coalesce(t.currency, ''))")),
    ("rate_total", By::Number("t.rate_total")),
];

fn narrow(filter: &RateTableFilter, conditions: &mut Conditions<'_>) {
    conditions.exact("t.rate_table_id", filter.rate_table_id);
    conditions.contains("t.name", &filter.name);
    conditions.word("t.currency", &filter.currency);
    conditions.exact("t.rate_total", filter.rate_total);
}

impl View for RateTableRow {
    type Filter = RateTableFilter;

    const COLUMNS: &'static str = "t.rate_table_id, t.name, t.currency, \
        coalesce(t.rates, '[]') as rates, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = FROM;
    const ID: &'static str = ID;
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = SORTS;

    fn narrow(filter: &RateTableFilter, conditions: &mut Conditions<'_>) {
        narrow(filter, conditions);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl View for RateTableSummary {
    type Filter = RateTableFilter;

    const COLUMNS: &'static str = "t.rate_table_id, t.name, t.currency, t.rate_total, \
        t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = FROM;
    const ID: &'static str = ID;
    const NAME: &'static str = "t.rate_table_id in a list";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = SORTS;

    fn narrow(filter: &RateTableFilter, conditions: &mut Conditions<'_>) {
        narrow(filter, conditions);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `rate_tables`.
pub struct RateTables;

impl RecordTable for RateTables {
    type Details = RateTableDetails;

    const TABLE: &'static str = "rate_tables";
    const KEY: &'static str = "rate_table_id";

    fn event(event: &Event) -> Option<&RateTableEvent> {
        match event {
            Event::RateTable(event) => Some(event),
            _ => None,
        }
    }

    fn columns(details: &RateTableDetails) -> serde_json::Result<Columns> {
        let mut columns = columns_of(details)?;
        columns.insert("rate_total".to_owned(), details.rates.len().into());
        Ok(columns)
    }
}
