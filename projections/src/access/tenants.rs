//! The read model of tenants.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event,
    access::{Tenant, TenantDetails, TenantEvent},
    values::Line,
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    reads::{By, Conditions},
    writes,
};

/// A tenant as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct TenantRow {
    pub tenant_id: i64,
    pub code: String,
    pub name: Option<String>,
    /// The phone numbers that its account administrators may assign.
    pub numbers: Vec<String>,
    /// The mail domains in which its account administrators may assign addresses.
    pub mail_domains: Vec<String>,
    /// The most users whose home it is.
    pub max_users: Option<i32>,
    /// The most accounts of it.
    pub max_accounts: Option<i32>,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of tenants.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TenantFilter {
    pub code: Option<String>,
    pub name: Option<String>,
    /// Only tenants that this user is assigned to.
    #[serde(skip)]
    #[param(ignore)]
    pub of_user: Option<i64>,
}

impl View for TenantRow {
    type Filter = TenantFilter;

    const COLUMNS: &'static str = "t.tenant_id, t.code, t.name, t.numbers, t.mail_domains, \
        t.max_users, t.max_accounts, t.created_position, t.version";
    const FROM: &'static str = "from read.tenants t";
    const ID: &'static str = "t.tenant_id";
    const OWNER: Option<&'static str> = None;
    const TENANT: Option<&'static str> = Some("t.tenant_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("tenant_id", By::Number("t.tenant_id")),
        ("code", By::Text("lower(t.code)")),
        ("name", By::Text("lower(coalesce(t.name, ''))")),
    ];

    fn narrow(filter: &TenantFilter, conditions: &mut Conditions<'_>) {
        conditions.contains("t.code", &filter.code);
        conditions.contains("t.name", &filter.name);
        conditions.within(
            "t.tenant_id",
            "select tenant_id from read.user_tenants where user_id",
            filter.of_user,
        );
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The number of accounts of a tenant.
pub async fn accounts(pool: &PgPool, tenant_id: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "select coalesce((select total from read.totals \
           where list = 'accounts' and user_id = 0 and tenant_id = $1), 0)",
    )
    .bind(tenant_id)
    .fetch_one(pool)
    .await
}

/// One of these phone numbers, in normal form, that was assigned to an account of a tenant which
/// receives at it.
pub async fn number_in_use(
    pool: &PgPool,
    tenant_id: i64,
    numbers: &[String],
) -> Result<Option<String>, sqlx::Error> {
    let written = |number: &String| [number.clone(), format!("+{number}"), format!("00{number}")];
    let written: Vec<String> = numbers.iter().flat_map(written).collect();
    sqlx::query_scalar(
        "select phone from read.accounts where coalesce(phone, '') = any($2) and tenant_id = $1 \
           and phone_receives and phone_basis = 'assigned' limit 1",
    )
    .bind(tenant_id)
    .bind(written)
    .fetch_optional(pool)
    .await
}

/// The lists whose rows belong to tenants.
const LISTS: [&str; 23] = [
    "accounts",
    "campaigns",
    "conditions",
    "contacts",
    "customs",
    "destinations",
    "disas",
    "documents",
    "groups",
    "hunts",
    "ivrs",
    "optouts",
    "phones",
    "programs",
    "providers",
    "rate_tables",
    "recordings",
    "schedules",
    "templates",
    "texts",
    "transmissions",
    "users",
    "voicemails",
];

/// The lists in which the tenant has rows, in order.
pub async fn lists_with_rows(pool: &PgPool, tenant_id: i64) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select list from read.totals where list = any($1) and user_id = 0 \
           and tenant_id = $2 and total > 0 order by list",
    )
    .bind(LISTS)
    .bind(tenant_id)
    .fetch_all(pool)
    .await
}

/// The projection that maintains `tenants`.
pub struct Tenants;

#[async_trait]
impl Projection for Tenants {
    fn name(&self) -> &'static str {
        "tenants"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Tenant::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["tenants"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            let Event::Tenant(event) = &recorded.event else {
                continue;
            };
            match event {
                TenantEvent::TenantCreated { details, .. }
                | TenantEvent::TenantUpdated { details } => put(db, recorded, details).await?,
                TenantEvent::TenantDeleted {} => {
                    writes::delete(db, recorded, &["tenants"], "tenant_id").await?;
                }
            }
        }
        Ok(())
    }
}

async fn put(
    db: &mut PgConnection,
    recorded: &Recorded,
    details: &TenantDetails,
) -> Result<(), sqlx::Error> {
    let limit = |limit: Option<u32>| limit.and_then(|limit| i32::try_from(limit).ok());
    let texts = |texts: &std::collections::BTreeSet<String>| Vec::from_iter(texts.iter().cloned());
    sqlx::query(
        "insert into tenants (tenant_id, code, name, numbers, mail_domains, max_users, \
           max_accounts, created_position, created_at, updated_at, version) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10) \
         on conflict (tenant_id) do update set code = excluded.code, name = excluded.name, \
           numbers = excluded.numbers, mail_domains = excluded.mail_domains, \
           max_users = excluded.max_users, max_accounts = excluded.max_accounts, \
           updated_at = excluded.updated_at, version = excluded.version",
    )
    .bind(recorded.aggregate_id)
    .bind(&details.code)
    .bind(details.name.as_ref().map(Line::as_str))
    .bind(texts(&details.numbers))
    .bind(texts(&details.mail_domains))
    .bind(limit(details.limits.users))
    .bind(limit(details.limits.accounts))
    .bind(recorded.position)
    .bind(recorded.occurred_at)
    .bind(recorded.sequence as i64)
    .execute(db)
    .await
    .map(drop)
}
