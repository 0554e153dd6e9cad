//! The read model of custom destinations.

use domain::{
    Event,
    pbx::{CustomDetails, CustomEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

use super::record::{Columns, RecordTable, columns_of, rename};
use crate::{
    View,
    reads::{By, Conditions},
    wire,
};

/// A custom destination as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct CustomRow {
    pub custom_id: i64,
    pub name: Option<String>,
    /// The type: forward.
    pub custom_type: String,
    /// The number that calls are forwarded to.
    pub number: Option<String>,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of custom destinations.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CustomFilter {
    pub custom_id: Option<i64>,
    pub name: Option<String>,
    pub custom_type: Option<String>,
    pub number: Option<String>,
}

impl View for CustomRow {
    type Filter = CustomFilter;

    const COLUMNS: &'static str = "t.custom_id, t.name, t.custom_type, t.number, t.tenant_id, \
        t.created_position, t.version";
    const FROM: &'static str = "from read.customs t";
    const ID: &'static str = "t.custom_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("custom_id", By::Number("t.custom_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        (
            "custom_type",
            By::Text("lower(coalesce(t.custom_type, ''))"),
        ),
        ("number", By::Text("coalesce(t.number, '')")),
    ];

    fn narrow(filter: &CustomFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.custom_id", filter.custom_id);
        conditions.contains("t.name", &filter.name);
        conditions.word("t.custom_type", &filter.custom_type);
        conditions.phone("t.number", &filter.number);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `customs`.
pub struct Customs;

impl RecordTable for Customs {
    type Details = CustomDetails;

    const TABLE: &'static str = "customs";
    const KEY: &'static str = "custom_id";

    fn event(event: &Event) -> Option<&CustomEvent> {
        match event {
            Event::Custom(event) => Some(event),
            _ => None,
        }
    }

    fn columns(details: &CustomDetails) -> serde_json::Result<Columns> {
        let mut columns = columns_of(details)?;
        rename(&mut columns, "kind", "custom_type");
        Ok(columns)
    }
}
