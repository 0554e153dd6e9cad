//! The read model of DISAs.

use domain::{
    Event,
    pbx::{DisaDetails, DisaEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

use super::record::{Columns, RecordTable, columns_of, hide};
use crate::{
    View,
    reads::{By, Conditions},
    wire,
};

/// A DISA, without its PIN, as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct DisaRow {
    pub disa_id: i64,
    pub name: Option<String>,
    /// 1 if there is a PIN.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub has_pin: bool,
    /// The number that calls show.
    pub caller_id: Option<String>,
    /// 1 if numbers outside may be dialled.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub outbound: bool,
    /// The seconds that digits are waited for.
    pub timeout: Option<i32>,
    /// The number of wrong PINs after which the call ends.
    pub attempts: Option<i32>,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of DISAs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DisaFilter {
    pub disa_id: Option<i64>,
    pub name: Option<String>,
    pub has_pin: Option<bool>,
    pub caller_id: Option<String>,
    pub outbound: Option<bool>,
    pub timeout: Option<i32>,
    pub attempts: Option<i32>,
}

impl View for DisaRow {
    type Filter = DisaFilter;

    const COLUMNS: &'static str = "t.disa_id, t.name, t.has_pin, t.caller_id, t.outbound, \
        t.timeout, t.attempts, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.disas t";
    const ID: &'static str = "t.disa_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("disa_id", By::Number("t.disa_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        ("caller_id", By::Text("coalesce(t.caller_id, '')")),
        ("outbound", By::Flag("t.outbound")),
        ("timeout", By::Number("coalesce(t.timeout, 0)")),
        ("attempts", By::Number("coalesce(t.attempts, 0)")),
    ];

    fn narrow(filter: &DisaFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.disa_id", filter.disa_id);
        conditions.contains("t.name", &filter.name);
        conditions.exact("t.has_pin", filter.has_pin);
        conditions.phone("t.caller_id", &filter.caller_id);
        conditions.exact("t.outbound", filter.outbound);
        conditions.reference("t.timeout", filter.timeout.map(i64::from));
        conditions.reference("t.attempts", filter.attempts.map(i64::from));
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `disas`.
pub struct Disas;

impl RecordTable for Disas {
    type Details = DisaDetails;

    const TABLE: &'static str = "disas";
    const KEY: &'static str = "disa_id";

    fn event(event: &Event) -> Option<&DisaEvent> {
        match event {
            Event::Disa(event) => Some(event),
            _ => None,
        }
    }

    fn columns(details: &DisaDetails) -> serde_json::Result<Columns> {
        let mut columns = columns_of(details)?;
        hide(&mut columns, "pin", "has_pin");
        Ok(columns)
    }
}
