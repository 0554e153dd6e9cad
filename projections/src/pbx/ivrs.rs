//! The read model of IVRs.

use domain::{
    Event,
    pbx::{IvrDetails, IvrEvent},
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

/// An IVR as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct IvrRow {
    pub ivr_id: i64,
    pub name: Option<String>,
    /// The recording that is played to the caller.
    pub recording_id: Option<i64>,
    /// The seconds that a digit is waited for.
    pub timeout: Option<i32>,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of IVRs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct IvrFilter {
    pub ivr_id: Option<i64>,
    pub name: Option<String>,
    pub recording_id: Option<i64>,
    pub timeout: Option<i32>,
}

impl View for IvrRow {
    type Filter = IvrFilter;

    const COLUMNS: &'static str = "t.ivr_id, t.name, t.recording_id, t.timeout, t.tenant_id, \
        t.created_position, t.version";
    const FROM: &'static str = "from read.ivrs t";
    const ID: &'static str = "t.ivr_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("ivr_id", By::Number("t.ivr_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        ("recording_id", By::Number("coalesce(t.recording_id, 0)")),
        ("timeout", By::Number("coalesce(t.timeout, 0)")),
    ];

    fn narrow(filter: &IvrFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.ivr_id", filter.ivr_id);
        conditions.contains("t.name", &filter.name);
        conditions.reference("t.recording_id", filter.recording_id);
        conditions.reference("t.timeout", filter.timeout.map(i64::from));
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `ivrs`.
pub struct Ivrs;

impl RecordTable for Ivrs {
    type Details = IvrDetails;

    const TABLE: &'static str = "ivrs";
    const KEY: &'static str = "ivr_id";

    fn event(event: &Event) -> Option<&IvrEvent> {
        match event {
            Event::Ivr(event) => Some(event),
            _ => None,
        }
    }
}
