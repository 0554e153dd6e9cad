//! `/sandbox/outbox`: deliveries of the sandbox.

use chrono::{DateTime, Utc, serde::ts_seconds};
use domain::delivery::Spool;
use projections::{By, Registered, View, reads::Conditions};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

use crate::{
    Result,
    answer::Answer,
    authorization::{List, Reader},
    extract::Listing,
    openapi::{Routes, op},
};

pub(super) fn routes() -> Routes {
    Routes::new().get(
        "/sandbox/outbox",
        list,
        op("Lists what the sandbox has delivered"),
    )
}

async fn list(deliveries: Reader<Spool, List>, listing: Listing<Delivery>) -> Result<Answer> {
    deliveries.list(listing).await
}

/// A delivery of the sandbox.
#[derive(FromRow, Serialize, ToSchema)]
struct Delivery {
    outbox_id: i64,
    provider_id: i64,
    spool_id: i64,
    transmission_id: i64,
    #[serde(rename = "user_id")]
    owner_id: i64,
    contact_id: i64,
    destination: String,
    service: String,
    subject: Option<String>,
    content: Option<String>,
    #[serde(with = "ts_seconds")]
    #[schema(value_type = i64)]
    received_at: DateTime<Utc>,
}

#[derive(Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
struct Filter {
    provider_id: Option<i64>,
    spool_id: Option<i64>,
    transmission_id: Option<i64>,
    contact_id: Option<i64>,
    destination: Option<String>,
    service: Option<String>,
    subject: Option<String>,
}

/// Not in the lists of read models: it is none, and the sandbox keeps the newest 10,000.
impl Registered for Delivery {}

impl View for Delivery {
    type Filter = Filter;

    const COLUMNS: &'static str = "t.outbox_id, t.provider_id, t.spool_id, t.transmission_id, \
        t.owner_id, t.contact_id, t.destination, t.service, t.subject, t.content, t.received_at";
    // The outbox is no read model; these two columns make it listable like one.
    const FROM: &'static str = "from (select o.*, o.outbox_id as created_position, \
        o.received_at as created_at from sandbox.outbox o) t";
    const ID: &'static str = "t.outbox_id";
    const OWNER: Option<&'static str> = Some("t.owner_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("outbox_id", By::Number("t.outbox_id")),
        ("received_at", By::Time("t.received_at")),
    ];

    fn narrow(filter: &Filter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.provider_id", filter.provider_id);
        conditions.exact("t.spool_id", filter.spool_id);
        conditions.exact("t.transmission_id", filter.transmission_id);
        conditions.exact("t.contact_id", filter.contact_id);
        conditions.email("t.destination", &filter.destination);
        conditions.exact("t.service", filter.service.clone());
        conditions.contains("t.subject", &filter.subject);
    }

    fn created_position(&self) -> i64 {
        self.outbox_id
    }

    fn version(&self) -> i64 {
        1
    }
}
