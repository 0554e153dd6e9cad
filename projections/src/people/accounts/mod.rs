//! The read model of accounts, their subscriptions and their settings.

mod addresses;
mod lines;
mod recipients;

use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event, Id, Owner,
    people::{Account, AccountEvent, AccountKind, AccountProfile},
    reference::TimeZone,
    values::Line,
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::{IntoParams, ToSchema};

pub use self::recipients::{Provisional, Recipient, provisional, reached_at};
use crate::{
    Projection, View,
    reads::{By, Conditions},
    wire, writes,
};

/// An account as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct AccountRow {
    pub account_id: i64,
    #[sqlx(rename = "type")]
    #[serde(rename = "type")]
    pub kind: String,
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    /// The right to the phone number: `verified`, `assigned`, `provisional` or `unverified`.
    pub phone_status: Option<String>,
    /// The right to the email address: `verified`, `assigned`, `provisional` or `unverified`.
    pub email_status: Option<String>,
    pub address: Option<String>,
    pub timezone: Option<String>,
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

/// The filter of a list of accounts.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct AccountFilter {
    pub account_id: Option<i64>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub active: Option<bool>,
    /// Accounts with a phone number or email address that is neither verified nor assigned.
    pub unverified: Option<bool>,
    /// Accounts with an assigned address at which they do not receive, since another account does
    /// or did. For account administrators.
    pub conflict: Option<bool>,
}

impl View for AccountRow {
    type Filter = AccountFilter;

    const COLUMNS: &'static str = "t.account_id, t.type, t.username, t.first_name, t.last_name, \
        t.phone, t.email, \
        case when t.phone is null then null when t.phone_until <= now() then 'unverified' \
          else coalesce(t.phone_basis, 'unverified') end as phone_status, \
        case when t.email is null then null when t.email_until <= now() then 'unverified' \
          else coalesce(t.email_basis, 'unverified') end as email_status, \
        t.address, t.timezone, t.active, t.user_id, t.tenant_id, \
        t.created_position, t.version";
    const FROM: &'static str = "from read.accounts t";
    const ID: &'static str = "t.account_id";
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("account_id", By::Number("t.account_id")),
        ("type", By::Text("t.type")),
        ("username", By::Text("lower(coalesce(t.username, ''))")),
        ("first_name", By::Text("lower(coalesce(t.first_name, ''))")),
        ("last_name", By::Text("lower(coalesce(t.last_name, ''))")),
        ("phone", By::Text("coalesce(t.phone, '')")),
        ("email", By::Text("lower(coalesce(t.email, ''))")),
        ("active", By::Flag("t.active")),
        ("unverified", By::Flag("t.unverified")),
    ];

    fn narrow(filter: &AccountFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.account_id", filter.account_id);
        conditions.exact("t.type", filter.kind.clone());
        conditions.contains("t.username", &filter.username);
        conditions.contains("t.first_name", &filter.first_name);
        conditions.contains("t.last_name", &filter.last_name);
        conditions.phone("t.phone", &filter.phone);
        conditions.email("t.email", &filter.email);
        conditions.exact("t.active", filter.active);
        conditions.exact("t.unverified", filter.unverified);
        conditions.exact("t.conflict", filter.conflict);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The newest active account of a user, as which the user sends by default.
pub async fn newest_active(pool: &PgPool, owner: Owner) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select account_id from read.accounts where user_id = $1 and tenant_id = $2 and active \
         order by created_position desc limit 1",
    )
    .bind(owner.user.map(Id::get))
    .bind(owner.tenant.get())
    .fetch_optional(pool)
    .await
}

/// The active accounts of a user, and `with_rights` also those that have a right to an address;
/// the oldest first, at most `limit`.
pub async fn in_use_of_user(
    pool: &PgPool,
    user_id: i64,
    with_rights: bool,
    limit: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select account_id from read.accounts where user_id = $1 and (active \
           or $2 and (phone_basis is not null or email_basis is not null)) \
         order by created_position limit $3",
    )
    .bind(user_id)
    .bind(with_rights)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// The oldest account of a user, active or not: the account created with the user, unless it was
/// deleted or given away.
pub async fn first_of_user(pool: &PgPool, user_id: i64) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select account_id from read.accounts where user_id = $1 \
         order by created_position limit 1",
    )
    .bind(user_id)
    .fetch_optional(pool)
    .await
}

/// The programs that an account is subscribed to.
pub async fn programs(pool: &PgPool, account_id: i64) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select program_id from read.account_programs where account_id = $1 order by program_id",
    )
    .bind(account_id)
    .fetch_all(pool)
    .await
}

/// A setting of an account; none if it is not set.
pub async fn setting(
    pool: &PgPool,
    account_id: i64,
    name: &str,
) -> Result<Option<String>, sqlx::Error> {
    let value: Option<Option<String>> = sqlx::query_scalar(
        "select value from read.account_settings where account_id = $1 and name = $2",
    )
    .bind(account_id)
    .bind(name)
    .fetch_optional(pool)
    .await?;
    Ok(value.flatten())
}

/// The projection that maintains `accounts`, `account_programs`, `account_settings`, `extensions`
/// and `dids`.
pub struct Accounts;

#[async_trait]
impl Projection for Accounts {
    fn name(&self) -> &'static str {
        "accounts"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Account::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &[
            "accounts",
            "account_programs",
            "account_settings",
            "extensions",
            "dids",
        ]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            if let Event::Account(event) = &recorded.event {
                apply(db, recorded, event).await?;
            }
        }
        Ok(())
    }
}

async fn apply(
    db: &mut PgConnection,
    recorded: &Recorded,
    event: &AccountEvent,
) -> Result<(), sqlx::Error> {
    use AccountEvent::{
        AccountAssigned, AccountCreated, AccountDeactivated, AccountDeleted, AccountDidChanged,
        AccountDissociated, AccountExtensionChanged, AccountSettingCleared, AccountSettingSet,
        AccountSubscribed, AccountUnsubscribed, AccountUpdated,
    };
    let id = recorded.aggregate_id;
    match event {
        AccountCreated {
            owner,
            kind,
            active,
            profile,
            ..
        } => {
            sqlx::query(
                "insert into accounts (account_id, user_id, tenant_id, type, active, \
                   created_position, created_at, updated_at, version) \
                 values ($1, $2, $3, $4, $5, $6, $7, $7, 0)",
            )
            .bind(id)
            .bind(owner.user.map(Id::get))
            .bind(owner.tenant.get())
            .bind(kind.as_str())
            .bind(active)
            .bind(recorded.position)
            .bind(recorded.occurred_at)
            .execute(&mut *db)
            .await?;
            set_profile(db, id, *kind, *active, profile.get()).await?;
        }
        AccountUpdated {
            kind,
            active,
            profile,
        } => set_profile(db, id, *kind, *active, profile.get()).await?,
        AccountSubscribed { program_id } => {
            sqlx::query(
                "insert into account_programs (account_id, program_id, subscribed_at) \
                 values ($1, $2, $3)",
            )
            .bind(id)
            .bind(program_id.get())
            .bind(recorded.occurred_at)
            .execute(&mut *db)
            .await?;
        }
        AccountUnsubscribed { program_id } => {
            sqlx::query("delete from account_programs where account_id = $1 and program_id = $2")
                .bind(id)
                .bind(program_id.get())
                .execute(&mut *db)
                .await?;
        }
        AccountAssigned { owner } => set_user(db, id, owner.user.map(Id::get)).await?,
        AccountDissociated {} => set_user(db, id, None).await?,
        AccountDeactivated { .. } => {
            sqlx::query("update accounts set active = false where account_id = $1")
                .bind(id)
                .execute(&mut *db)
                .await?;
        }
        AccountSettingSet { name, value } => {
            sqlx::query(
                "insert into account_settings (account_id, name, value, updated_at) \
                 values ($1, $2, $3, $4) on conflict (account_id, name) do update \
                 set value = excluded.value, updated_at = excluded.updated_at",
            )
            .bind(id)
            .bind(name)
            .bind(value.get())
            .bind(recorded.occurred_at)
            .execute(&mut *db)
            .await?;
        }
        AccountSettingCleared { name } => {
            sqlx::query("delete from account_settings where account_id = $1 and name = $2")
                .bind(id)
                .bind(name)
                .execute(&mut *db)
                .await?;
        }
        AccountExtensionChanged { extension } => {
            let details = extension.get().cloned().unwrap_or_default();
            lines::set_extension(db, recorded, &details).await?;
        }
        AccountDidChanged { did } => {
            let details = did.get().cloned().unwrap_or_default();
            lines::set_did(db, recorded, &details).await?;
        }
        AccountDeleted {} => {
            writes::delete(db, recorded, &["extensions"], "extension_id").await?;
            writes::delete(db, recorded, &["dids"], "did_id").await?;
            let tables = ["accounts", "account_programs", "account_settings"];
            return writes::delete(db, recorded, &tables, "account_id").await;
        }
        event => addresses::apply(db, id, event).await?,
    }
    writes::touch(db, recorded, "accounts", "account_id").await?;
    lines::follow(db, id).await
}

/// Writes the fields of an account that an update carries, except its secrets.
async fn set_profile(
    db: &mut PgConnection,
    id: i64,
    kind: AccountKind,
    active: bool,
    profile: Option<&AccountProfile>,
) -> Result<(), sqlx::Error> {
    let line = |field: fn(&AccountProfile) -> &Option<Line>| {
        let value = profile.and_then(|profile| field(profile).as_ref());
        value.map(Line::as_str)
    };
    let phone = profile.and_then(|profile| profile.phone.as_ref());
    let email = profile.and_then(|profile| profile.email.as_ref());
    let timezone = profile.and_then(|profile| profile.timezone.as_ref());
    sqlx::query(
        "update accounts set type = $2, active = $3, username = $4, first_name = $5, \
         last_name = $6, phone = $7, email = $8, address = $9, timezone = $10 where account_id = $1",
    )
    .bind(id)
    .bind(kind.as_str())
    .bind(active)
    .bind(line(|profile| &profile.username))
    .bind(line(|profile| &profile.first_name))
    .bind(line(|profile| &profile.last_name))
    .bind(phone.map(|phone| phone.as_str()))
    .bind(email.map(|email| email.as_str()))
    .bind(line(|profile| &profile.address))
    .bind(timezone.map(TimeZone::as_str))
    .execute(&mut *db)
    .await?;
    addresses::flag(db, id).await
}

async fn set_user(db: &mut PgConnection, id: i64, user: Option<i64>) -> Result<(), sqlx::Error> {
    sqlx::query("update accounts set user_id = $2 where account_id = $1")
        .bind(id)
        .bind(user)
        .execute(db)
        .await
        .map(drop)
}
