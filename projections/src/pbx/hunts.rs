//! The read model of hunt groups.

use domain::{
    Event,
    pbx::{HuntDetails, HuntEvent},
};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

use super::record::RecordTable;
use crate::{
    View,
    reads::{By, Conditions},
    wire,
};

/// A hunt group as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct HuntRow {
    pub hunt_id: i64,
    /// The number that is dialled within the tenant.
    pub number: Option<String>,
    pub name: Option<String>,
    /// The order in which members ring: Ring All, Cycle, Sequence or Ring All over Loop; any other
    /// word rings all.
    pub hunt_type: Option<String>,
    /// The seconds that members ring.
    pub ring_time: Option<i32>,
    /// 1 if members that are in a call are skipped.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub check_in_use: bool,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of hunt groups.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct HuntFilter {
    pub hunt_id: Option<i64>,
    pub number: Option<String>,
    pub name: Option<String>,
    pub hunt_type: Option<String>,
    pub ring_time: Option<i32>,
    pub check_in_use: Option<bool>,
}

impl View for HuntRow {
    type Filter = HuntFilter;

    const COLUMNS: &'static str = "t.hunt_id, t.number, t.name, t.hunt_type, t.ring_time, \
        t.check_in_use, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.hunts t";
    const ID: &'static str = "t.hunt_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("hunt_id", By::Number("t.hunt_id")),
        ("number", By::Text("lower(coalesce(t.number, ''))")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        ("hunt_type", By::Text("lower(coalesce(t.hunt_type, ''))")),
        ("ring_time", By::Number("coalesce(t.ring_time, 0)")),
        ("check_in_use", By::Flag("t.check_in_use")),
    ];

    fn narrow(filter: &HuntFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.hunt_id", filter.hunt_id);
        conditions.contains("t.number", &filter.number);
        conditions.contains("t.name", &filter.name);
        conditions.contains("t.hunt_type", &filter.hunt_type);
        conditions.reference("t.ring_time", filter.ring_time.map(i64::from));
        conditions.exact("t.check_in_use", filter.check_in_use);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `hunts`.
pub struct Hunts;

impl RecordTable for Hunts {
    type Details = HuntDetails;

    const TABLE: &'static str = "hunts";
    const KEY: &'static str = "hunt_id";

    fn event(event: &Event) -> Option<&HuntEvent> {
        match event {
            Event::Hunt(event) => Some(event),
            _ => None,
        }
    }
}
