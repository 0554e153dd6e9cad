//! The reads on extensions, whose rows the projection of accounts maintains.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

use crate::{
    View,
    reads::{By, Conditions},
    wire,
};

/// An extension as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ExtensionRow {
    /// The id, which is also that of the account.
    pub extension_id: i64,
    pub name: Option<String>,
    /// The number that is dialled within the tenant.
    pub number: Option<String>,
    /// The name of the SIP user: the number with the tenant's code.
    pub sip_user: Option<String>,
    /// The number that calls show.
    pub cid_number: Option<String>,
    /// The name that calls show.
    pub cid_name: Option<String>,
    /// The number that calls show on follow-me legs.
    pub follow_me_caller_id: Option<String>,
    pub call_waiting: Option<String>,
    /// The seconds that it rings.
    pub ring_time: Option<i64>,
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub active: bool,
    pub user_id: Option<i64>,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of extensions.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ExtensionFilter {
    pub extension_id: Option<i64>,
    pub name: Option<String>,
    pub number: Option<String>,
    pub cid_number: Option<String>,
    pub cid_name: Option<String>,
    pub follow_me_caller_id: Option<String>,
    pub call_waiting: Option<String>,
    pub ring_time: Option<i64>,
    pub active: Option<bool>,
    pub user_id: Option<i64>,
}

impl View for ExtensionRow {
    type Filter = ExtensionFilter;

    const COLUMNS: &'static str = "t.extension_id, t.name, t.number, \
        (select t.number || '-' || c.code from read.tenants c \
          where c.tenant_id = t.tenant_id) as sip_user, \
        t.cid_number, t.cid_name, t.follow_me_caller_id, t.call_waiting, t.ring_time, t.active, \
        t.user_id, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.extensions t";
    const ID: &'static str = "t.extension_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("extension_id", By::Number("t.extension_id")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
        ("number", By::Text("lower(coalesce(t.number, ''))")),
        ("cid_number", By::Text("coalesce(t.cid_number, '')")),
        ("cid_name", By::Text("lower(coalesce(t.cid_name, ''))")),
        ("ring_time", By::Number("coalesce(t.ring_time, 0)")),
        ("active", By::Flag("t.active")),
    ];

    fn narrow(filter: &ExtensionFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.extension_id", filter.extension_id);
        conditions.contains("t.name", &filter.name);
        conditions.word("t.number", &filter.number);
        conditions.phone("t.cid_number", &filter.cid_number);
        conditions.contains("t.cid_name", &filter.cid_name);
        conditions.phone("t.follow_me_caller_id", &filter.follow_me_caller_id);
        conditions.contains("t.call_waiting", &filter.call_waiting);
        conditions.reference("t.ring_time", filter.ring_time);
        conditions.exact("t.active", filter.active);
        conditions.exact("t.user_id", filter.user_id);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}
