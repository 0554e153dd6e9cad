//! The reads on DIDs, whose rows the projection of accounts maintains.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

use crate::{
    View,
    reads::{By, Conditions},
    wire,
};

/// A DID as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct DidRow {
    /// The id, which is also that of the account.
    pub did_id: i64,
    pub number: Option<String>,
    /// 1 if calls to the number come in here: it is verified, or assigned to the tenant.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub connected: bool,
    pub country: Option<String>,
    pub area: Option<String>,
    pub comment: Option<String>,
    /// 1 if calls are recorded.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub recording: bool,
    /// 1 if faxes are received.
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub fax: bool,
    /// The digits that are put before the caller's number.
    pub prefix: Option<String>,
    /// The text that is put before the caller's name.
    pub name_prefix: Option<String>,
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

/// The filter of a list of DIDs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DidFilter {
    pub did_id: Option<i64>,
    pub number: Option<String>,
    pub country: Option<String>,
    pub area: Option<String>,
    pub comment: Option<String>,
    pub recording: Option<bool>,
    pub fax: Option<bool>,
    pub prefix: Option<String>,
    pub name_prefix: Option<String>,
    pub connected: Option<bool>,
    pub active: Option<bool>,
    pub user_id: Option<i64>,
    /// DIDs with a number at which nothing comes in, since it is not assigned to the tenant or is
    /// another account's.
    pub conflict: Option<bool>,
}

impl View for DidRow {
    type Filter = DidFilter;

    const COLUMNS: &'static str = "t.did_id, t.number, t.connected, t.country, t.area, t.comment, \
        t.recording, t.fax, t.prefix, t.name_prefix, t.active, t.user_id, t.tenant_id, \
        t.created_position, t.version";
    const FROM: &'static str = "from read.dids t";
    const ID: &'static str = "t.did_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("did_id", By::Number("t.did_id")),
        ("number", By::Text("coalesce(t.number, '')")),
        ("active", By::Flag("t.active")),
    ];

    fn narrow(filter: &DidFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.did_id", filter.did_id);
        conditions.phone("t.number", &filter.number);
        conditions.contains("t.country", &filter.country);
        conditions.contains("t.area", &filter.area);
        conditions.contains("t.comment", &filter.comment);
        conditions.exact("t.recording", filter.recording);
        conditions.exact("t.fax", filter.fax);
        conditions.contains("t.prefix", &filter.prefix);
        conditions.contains("t.name_prefix", &filter.name_prefix);
        conditions.exact("t.connected", filter.connected);
        conditions.exact("t.active", filter.active);
        conditions.exact("t.user_id", filter.user_id);
        conditions.exact(
            "(t.number is not null and not t.connected)",
            filter.conflict,
        );
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}
