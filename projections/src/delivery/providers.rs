//! The read model of providers, without their passwords.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event, Id,
    access::Tenant,
    delivery::{Provider, ProviderDetails, ProviderEvent, ProviderKind, ProviderSenders},
    flow::Service,
    values::Line,
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::{FromRow, PgConnection, PgPool, types::Json};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    reads::{By, Conditions},
    wire, writes,
};

/// A provider as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ProviderRow {
    pub provider_id: i64,
    /// The tenant that alone uses the provider; absent if all of the installation do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<i64>,
    pub name: String,
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    pub service_flag: i32,
    pub gateway_flag: i32,
    pub node_id: Option<i32>,
    pub host: Option<String>,
    pub port: Option<i32>,
    pub username: Option<String>,
    pub dialstring: Option<String>,
    pub prefix: Option<String>,
    /// A JSON object, as text.
    #[serde(serialize_with = "wire::text")]
    #[schema(value_type = String)]
    pub settings: Json<Map<String, Value>>,
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub register: bool,
    pub weight: i32,
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub active: bool,
    /// The most attempts that start in any second, over all workers.
    pub rate_limit: Option<i32>,
    /// The most attempts at the same time, over all workers.
    pub channel_limit: Option<i32>,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of providers.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ProviderFilter {
    pub provider_id: Option<i64>,
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub gateway_flag: Option<i32>,
    pub service_flag: Option<i32>,
    pub node_id: Option<i32>,
    pub host: Option<String>,
    pub active: Option<bool>,
}

/// Every combination of service bits: voice 1, fax 2, sms 4, email 8.
const MASKS: [i32; 15] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

impl View for ProviderRow {
    type Filter = ProviderFilter;

    const COLUMNS: &'static str = "t.provider_id, t.tenant_id, t.name, t.type, t.service_flag, \
        t.gateway_flag, t.node_id, t.host, t.port, t.username, t.dialstring, t.prefix, \
        t.settings, t.register, t.weight, t.active, t.rate_limit, t.channel_limit, \
        t.created_position, t.version";
    const FROM: &'static str = "from read.providers t";
    const ID: &'static str = "t.provider_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("coalesce(t.tenant_id, 0)");
    const SORTS: &'static [(&'static str, By)] = &[
        ("provider_id", By::Number("t.provider_id")),
        ("name", By::Text("lower(t.name)")),
        ("type", By::Text("t.type")),
        ("host", By::Text("lower(coalesce(t.host, ''))")),
        ("service_flag", By::Number("t.service_flag")),
        ("gateway_flag", By::Number("t.gateway_flag")),
        ("weight", By::Number("t.weight")),
        ("active", By::Flag("t.active")),
    ];

    fn narrow(filter: &ProviderFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.provider_id", filter.provider_id);
        conditions.contains("t.name", &filter.name);
        conditions.exact("t.type", filter.kind.clone());
        conditions.exact("t.gateway_flag", filter.gateway_flag);
        conditions.bits("t.service_flag", filter.service_flag, &MASKS);
        conditions.exact("t.node_id", filter.node_id);
        conditions.email("t.host", &filter.host);
        conditions.exact("t.active", filter.active);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The number of active providers of this service that a tenant may use, whose type has a gateway and that can send.
pub async fn active(
    pool: &PgPool,
    service: Service,
    tenant: Id<Tenant>,
) -> Result<i64, sqlx::Error> {
    let spoken = ProviderKind::ALL
        .into_iter()
        .filter(|kind| kind.has_gateway());
    sqlx::query_scalar(
        "select count(*) from read.providers \
         where active and service_flag & $1 <> 0 and type = any($2) \
           and (tenant_id is null or tenant_id = $3) \
           and (type <> 'smpp' or settings->>'bind' is distinct from 'receiver')",
    )
    .bind(service.flag())
    .bind(spoken.map(ProviderKind::as_str).collect::<Vec<_>>())
    .bind(tenant.get())
    .fetch_one(pool)
    .await
}

/// The senders of the active providers of this service that a tenant may use and whose type has a
/// gateway, one entry for each.
pub async fn senders(
    pool: &PgPool,
    service: Service,
    tenant: Id<Tenant>,
) -> Result<Vec<ProviderSenders>, sqlx::Error> {
    let rows: Vec<(String, Json<Map<String, Value>>)> = sqlx::query_as(
        "select type, settings from read.providers \
         where active and service_flag & $1 <> 0 and (tenant_id is null or tenant_id = $2) \
           and (type <> 'smpp' or settings->>'bind' is distinct from 'receiver')",
    )
    .bind(service.flag())
    .bind(tenant.get())
    .fetch_all(pool)
    .await?;
    let spoken = rows.iter().filter_map(|(kind, settings)| {
        let mut kinds = ProviderKind::ALL.into_iter();
        let kind = kinds.find(|known| known.as_str() == kind)?;
        let senders = ProviderSenders::new(kind, settings);
        kind.has_gateway().then_some(senders)
    });
    Ok(spoken.collect())
}

/// The oldest active sandbox of this service that a tenant may use.
pub async fn sandbox(
    pool: &PgPool,
    service: Service,
    tenant: Id<Tenant>,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select provider_id from read.providers where active and type = 'sandbox' \
           and service_flag & $1 <> 0 and (tenant_id is null or tenant_id = $2) \
         order by provider_id limit 1",
    )
    .bind(service.flag())
    .bind(tenant.get())
    .fetch_optional(pool)
    .await
}

/// The projection that maintains `providers`.
pub struct Providers;

#[async_trait]
impl Projection for Providers {
    fn name(&self) -> &'static str {
        "providers"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Provider::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["providers"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            let Event::Provider(event) = &recorded.event else {
                continue;
            };
            match event {
                ProviderEvent::ProviderCreated { details, .. }
                | ProviderEvent::ProviderUpdated { details } => {
                    put(db, recorded, details).await?;
                }
                ProviderEvent::ProviderDeleted {} => {
                    writes::delete(db, recorded, &["providers"], "provider_id").await?;
                }
            }
        }
        Ok(())
    }
}

async fn put(
    db: &mut PgConnection,
    recorded: &Recorded,
    details: &ProviderDetails,
) -> Result<(), sqlx::Error> {
    let line = |value: &Option<Line>| value.as_ref().map(|line| line.as_str().to_owned());
    let limit = |value: Option<u32>| value.and_then(|limit| i32::try_from(limit).ok());
    sqlx::query(
        "insert into providers (provider_id, name, type, service_flag, gateway_flag, node_id, \
           host, port, username, dialstring, prefix, settings, register, weight, active, \
           created_position, created_at, updated_at, version, rate_limit, channel_limit, \
           tenant_id) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
           $16, $17, $17, $18, $19, $20, $21) \
         on conflict (provider_id) do update set name = excluded.name, type = excluded.type, \
           service_flag = excluded.service_flag, gateway_flag = excluded.gateway_flag, \
           node_id = excluded.node_id, host = excluded.host, port = excluded.port, \
           username = excluded.username, dialstring = excluded.dialstring, \
           prefix = excluded.prefix, settings = excluded.settings, \
           register = excluded.register, weight = excluded.weight, \
           active = excluded.active, updated_at = excluded.updated_at, \
           version = excluded.version, rate_limit = excluded.rate_limit, \
           channel_limit = excluded.channel_limit",
    )
    .bind(recorded.aggregate_id)
    .bind(details.name.as_str())
    .bind(details.kind.as_str())
    .bind(details.service_flag)
    .bind(details.gateway_flag)
    .bind(details.node_id)
    .bind(line(&details.host))
    .bind(details.port.map(i32::from))
    .bind(line(&details.username))
    .bind(line(&details.dialstring))
    .bind(line(&details.prefix))
    .bind(Json(&details.settings))
    .bind(details.register)
    .bind(details.weight)
    .bind(details.active)
    .bind(recorded.position)
    .bind(recorded.occurred_at)
    .bind(recorded.sequence as i64)
    .bind(limit(details.rate_limit))
    .bind(limit(details.channel_limit))
    .bind(details.tenant_id.map(Id::get))
    .execute(db)
    .await
    .map(drop)
}
