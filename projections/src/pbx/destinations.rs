//! The read model of destinations.

use domain::{
    Event, Id,
    access::Tenant,
    pbx::{DestinationDetails, DestinationEvent},
    values::Line,
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgPool};
use utoipa::{IntoParams, ToSchema};

use super::record::{Columns, RecordTable, columns_of, rename};
use crate::{
    View,
    reads::{By, Conditions},
    wire,
};

/// A destination as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct DestinationRow {
    pub destination_id: i64,
    /// The word for the source, such as HUNTLIST.
    pub source_type: Option<String>,
    /// The id of the source.
    pub source_id: Option<i64>,
    /// The word for the target, such as EXT.
    pub target_type: Option<String>,
    /// The id of the target; null for HANGUP.
    pub target_id: Option<i64>,
    /// The place among the destinations of the same source, from 1.
    #[sqlx(rename = "place")]
    pub order: i32,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of destinations.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DestinationFilter {
    pub destination_id: Option<i64>,
    pub source_type: Option<String>,
    pub source_id: Option<i64>,
    pub target_type: Option<String>,
    pub target_id: Option<i64>,
    pub order: Option<i32>,
}

impl View for DestinationRow {
    type Filter = DestinationFilter;

    const COLUMNS: &'static str = "t.destination_id, t.source_type, t.source_id, t.target_type, \
        t.target_id, t.place, t.tenant_id, t.created_position, t.version";
    const FROM: &'static str = "from read.destinations t";
    const ID: &'static str = "t.destination_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("destination_id", By::Number("t.destination_id")),
        (
            "source_type",
            By::Text("lower(coalesce(t.source_type, ''))"),
        ),
        ("source_id", By::Number("coalesce(t.source_id, 0)")),
        (
            "target_type",
            By::Text("lower(coalesce(t.target_type, ''))"),
        ),
        ("target_id", By::Number("coalesce(t.target_id, 0)")),
        ("order", By::Number("t.place")),
    ];

    fn narrow(filter: &DestinationFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.destination_id", filter.destination_id);
        conditions.word("t.source_type", &filter.source_type);
        conditions.reference("t.source_id", filter.source_id);
        conditions.word("t.target_type", &filter.target_type);
        conditions.reference("t.target_id", filter.target_id);
        conditions.exact("t.place", filter.order);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The number of destinations of a source within a tenant.
pub async fn count_of_source(
    pool: &PgPool,
    tenant: Id<Tenant>,
    source_type: &Line,
    source_id: i64,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select count(*) from read.destinations where tenant_id = $1 \
           and lower(coalesce(source_type, '')) = lower($2) and coalesce(source_id, 0) = $3",
    )
    .bind(tenant.get())
    .bind(source_type.as_str())
    .bind(source_id)
    .fetch_one(pool)
    .await
}

/// The projection that maintains `destinations`.
pub struct Destinations;

impl RecordTable for Destinations {
    type Details = DestinationDetails;

    const TABLE: &'static str = "destinations";
    const KEY: &'static str = "destination_id";

    fn event(event: &Event) -> Option<&DestinationEvent> {
        match event {
            Event::Destination(event) => Some(event),
            _ => None,
        }
    }

    fn columns(details: &DestinationDetails) -> serde_json::Result<Columns> {
        let mut columns = columns_of(details)?;
        // The word is reserved in SQL.
        rename(&mut columns, "order", "place");
        Ok(columns)
    }
}
