//! The read model of phones.

use domain::{
    Event,
    pbx::{PhoneDetails, PhoneEvent},
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

/// A phone, without its password, as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct PhoneRow {
    pub phone_id: i64,
    pub name: Option<String>,
    pub phone_model_id: Option<i64>,
    /// The MAC address as it was written.
    pub mac: Option<String>,
    /// The name of the file that the phone asks for.
    pub filename: Option<String>,
    /// The name that the phone logs in with to fetch its configuration.
    pub http_user: Option<String>,
    /// 1 if there is a password that goes with it.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub has_http_password: bool,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of phones.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PhoneFilter {
    pub phone_id: Option<i64>,
    pub name: Option<String>,
    pub phone_model_id: Option<i64>,
    pub mac: Option<String>,
    pub filename: Option<String>,
    pub http_user: Option<String>,
    pub has_http_password: Option<bool>,
}

impl View for PhoneRow {
    type Filter = PhoneFilter;

    const COLUMNS: &'static str = "t.phone_id, t.name, t.phone_model_id, t.mac, t.filename, \
        t.http_user, t.has_http_password, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.phones t";
    const ID: &'static str = "t.phone_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("phone_id", By::Number("t.phone_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        (
            "phone_model_id",
            By::Number("coalesce(t.phone_model_id, 0)"),
        ),
        ("mac", By::Text("lower(coalesce(t.mac, ''))")),
        ("filename", By::Text("lower(coalesce(t.filename, ''))")),
        ("http_user", By::Text("lower(coalesce(t.http_user, ''))")),
        ("has_http_password", By::Flag("t.has_http_password")),
    ];

    fn narrow(filter: &PhoneFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.phone_id", filter.phone_id);
        conditions.contains("t.name", &filter.name);
        conditions.reference("t.phone_model_id", filter.phone_model_id);
        conditions.contains("t.mac", &filter.mac);
        conditions.contains("t.filename", &filter.filename);
        conditions.contains("t.http_user", &filter.http_user);
        conditions.exact("t.has_http_password", filter.has_http_password);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `phones`.
pub struct Phones;

impl RecordTable for Phones {
    type Details = PhoneDetails;

    const TABLE: &'static str = "phones";
    const KEY: &'static str = "phone_id";

    fn event(event: &Event) -> Option<&PhoneEvent> {
        match event {
            Event::Phone(event) => Some(event),
            _ => None,
        }
    }

    fn columns(details: &PhoneDetails) -> serde_json::Result<Columns> {
        let mut columns = columns_of(details)?;
        hide(&mut columns, "http_password", "has_http_password");
        Ok(columns)
    }
}
