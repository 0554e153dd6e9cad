//! The read model of users, with their roles and permissions, without their credentials.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use domain::{
    Event, Id, Owner,
    access::{Tenant, User, UserEvent, UserProfile, grants},
    reference::TimeZone,
    values::Line,
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgPool};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    reads::{By, Conditions},
    wire, writes,
};

/// A user as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct UserRow {
    pub user_id: i64,
    /// The tenant; absent for the first one.
    #[serde(skip_serializing_if = "wire::is_first_tenant")]
    #[schema(required = false)]
    pub tenant_id: i64,
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub address: Option<String>,
    pub company: Option<String>,
    pub country_id: Option<i32>,
    pub timezone_id: Option<i32>,
    pub timezone: Option<String>,
    #[serde(serialize_with = "wire::flag")]
    #[schema(value_type = u8, maximum = 1)]
    pub active: bool,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of users.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct UserFilter {
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub email: Option<String>,
    /// Only users who are assigned to this tenant.
    #[serde(skip)]
    #[param(ignore)]
    pub in_tenant: Option<i64>,
}

impl View for UserRow {
    type Filter = UserFilter;

    const COLUMNS: &'static str = "t.user_id, t.tenant_id, t.username, t.first_name, t.last_name, t.phone, \
        t.email, t.address, t.company, t.country_id, t.timezone_id, t.timezone, \
        t.active, t.created_position, t.version";
    const FROM: &'static str = "from read.users t";
    const ID: &'static str = "t.user_id";
    // A user who may not see all users sees only their own row.
    const OWNER: Option<&'static str> = Some("t.user_id");
    const SORTS: &'static [(&'static str, By)] = &[
        ("user_id", By::Number("t.user_id")),
        ("username", By::Text("lower(coalesce(t.username, ''))")),
        ("first_name", By::Text("lower(coalesce(t.first_name, ''))")),
        ("last_name", By::Text("lower(coalesce(t.last_name, ''))")),
        ("phone", By::Text("coalesce(t.phone, '')")),
        ("email", By::Text("lower(coalesce(t.email, ''))")),
        ("active", By::Flag("t.active")),
    ];

    fn narrow(filter: &UserFilter, conditions: &mut Conditions<'_>) {
        conditions.within(
            "t.user_id",
            "select user_id from read.user_tenants where tenant_id",
            filter.in_tenant,
        );
        conditions.contains("t.username", &filter.username);
        conditions.contains("t.first_name", &filter.first_name);
        conditions.contains("t.last_name", &filter.last_name);
        conditions.phone("t.phone", &filter.phone);
        conditions.email("t.email", &filter.email);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// True if a user has this permission within a tenant, directly or by a role: for actions on the
/// user's behalf outside of their requests.
pub async fn may(pool: &PgPool, owner: Owner, wanted: &str) -> Result<bool, sqlx::Error> {
    let ends = wanted.match_indices('_').map(|(at, _)| at);
    let names = ends.chain([wanted.len()]).filter_map(|at| wanted.get(..at));
    let names: Vec<&str> = names.filter(|held| grants(held, wanted)).collect();
    sqlx::query_scalar(
        "select exists (select from read.permissions p where p.name = any($2) and (\
           exists (select from read.user_permissions u \
             where u.user_id = $1 and u.tenant_id = $3 and u.permission_id = p.permission_id) \
           or exists (select from read.user_roles u \
             join read.role_permissions r on r.role_id = u.role_id \
             where u.user_id = $1 and u.tenant_id = $3 and r.permission_id = p.permission_id)))",
    )
    .bind(owner.user.map(Id::get))
    .bind(names)
    .bind(owner.tenant.get())
    .fetch_one(pool)
    .await
}

/// Users who were deleted or are not active but still own active accounts or pending
/// schedules, or who were deleted and own accounts with a right to an address; at most `limit`,
/// from those with higher ids than `after`.
pub async fn inactive_owners(
    pool: &PgPool,
    after: i64,
    limit: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "select user_id from (\
           select u.user_id from read.users u where not u.active \
             and (exists (select from read.accounts a where a.user_id = u.user_id and a.active) \
               or exists (select from read.schedules s \
                 where s.user_id = u.user_id and s.state = 'pending')) \
           union select a.user_id from read.accounts a \
             where (a.active or a.phone_basis is not null or a.email_basis is not null) \
               and not exists (select from read.users u where u.user_id = a.user_id) \
           union select s.user_id from read.schedules s where s.state = 'pending' \
             and not exists (select from read.users u where u.user_id = s.user_id)) owned \
         where user_id > $1 order by user_id limit $2",
    )
    .bind(after)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// The projection that maintains `users`, `user_tenants`, `user_roles` and
/// `user_permissions`.
pub struct Users;

#[async_trait]
impl Projection for Users {
    fn name(&self) -> &'static str {
        "users"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[User::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["users", "user_tenants", "user_roles", "user_permissions"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            if let Event::User(event) = &recorded.event {
                apply(db, recorded, event).await?;
            }
        }
        Ok(())
    }
}

async fn apply(
    db: &mut PgConnection,
    recorded: &Recorded,
    event: &UserEvent,
) -> Result<(), sqlx::Error> {
    use UserEvent::{
        UserActivated, UserCreated, UserDeactivated, UserDeleted, UserPasswordChanged,
        UserPermissionGranted, UserPermissionWithdrawn, UserRoleGiven, UserRoleTaken,
        UserSmsSendersListed, UserSmsSendersProvided, UserTenantAssigned, UserTenantUnassigned,
        UserUpdated,
    };
    let id = recorded.aggregate_id;
    match event {
        UserCreated {
            active,
            profile,
            roles,
            tenant_id,
            ..
        } => {
            sqlx::query(
                "insert into users (user_id, tenant_id, active, created_position, created_at, \
                   updated_at, version) values ($1, $2, $3, $4, $5, $5, 0)",
            )
            .bind(id)
            .bind(tenant_id.get())
            .bind(active)
            .bind(recorded.position)
            .bind(recorded.occurred_at)
            .execute(&mut *db)
            .await?;
            set_profile(db, id, profile.get()).await?;
            for role in roles {
                within(db, GIVE_ROLE, id, role.get(), *tenant_id).await?;
            }
            assign(db, id, *tenant_id).await?;
        }
        UserUpdated { profile } => set_profile(db, id, profile.get()).await?,
        UserActivated {} => set_active(db, id, true).await?,
        UserDeactivated {} => set_active(db, id, false).await?,
        UserPasswordChanged { .. } => {}
        UserTenantAssigned { tenant_id } => assign(db, id, *tenant_id).await?,
        UserTenantUnassigned { tenant_id } => unassign(db, id, *tenant_id).await?,
        UserRoleGiven { role_id, tenant_id } => {
            within(db, GIVE_ROLE, id, role_id.get(), *tenant_id).await?;
        }
        UserRoleTaken { role_id, tenant_id } => {
            let sql = "delete from user_roles \
                         where user_id = $1 and role_id = $2 and tenant_id = $3";
            within(db, sql, id, role_id.get(), *tenant_id).await?;
        }
        UserPermissionGranted {
            permission_id,
            tenant_id,
        } => {
            let sql = "insert into user_permissions (user_id, permission_id, tenant_id) \
                         values ($1, $2, $3)";
            within(db, sql, id, permission_id.get(), *tenant_id).await?;
        }
        UserPermissionWithdrawn {
            permission_id,
            tenant_id,
        } => {
            let sql = "delete from user_permissions \
                         where user_id = $1 and permission_id = $2 and tenant_id = $3";
            within(db, sql, id, permission_id.get(), *tenant_id).await?;
        }
        UserSmsSendersListed { names } => {
            let sql = "update users set sms_senders = $2, sms_senders_provisional = '{}', \
                         sms_senders_until = $3 where user_id = $1";
            set_senders(db, sql, id, (names.get(), None)).await?;
        }
        UserSmsSendersProvided { names, until } => {
            let sql = "update users set \
                         sms_senders_provisional = sms_senders_provisional || $2, \
                         sms_senders_until = $3 where user_id = $1";
            set_senders(db, sql, id, (names.get(), Some(*until))).await?;
        }
        UserDeleted {} => {
            let tables = ["users", "user_tenants", "user_roles", "user_permissions"];
            return writes::delete(db, recorded, &tables, "user_id").await;
        }
    }
    writes::touch(db, recorded, "users", "user_id").await
}

async fn set_profile(
    db: &mut PgConnection,
    id: i64,
    profile: Option<&UserProfile>,
) -> Result<(), sqlx::Error> {
    let line = |field: fn(&UserProfile) -> &Option<Line>| {
        let value = profile.and_then(|profile| field(profile).as_ref());
        value.map(Line::as_str)
    };
    let phone = profile.and_then(|profile| profile.phone.as_ref());
    let email = profile.and_then(|profile| profile.email.as_ref());
    let timezone = profile.and_then(|profile| profile.timezone.as_ref());
    sqlx::query(
        "update users set username = $2, first_name = $3, last_name = $4, phone = $5, \
           email = $6, address = $7, company = $8, country_id = $9, timezone_id = $10, \
           timezone = $11 \
         where user_id = $1",
    )
    .bind(id)
    .bind(line(|profile| &profile.username))
    .bind(line(|profile| &profile.first_name))
    .bind(line(|profile| &profile.last_name))
    .bind(phone.map(|phone| phone.as_str()))
    .bind(email.map(|email| email.as_str()))
    .bind(line(|profile| &profile.address))
    .bind(line(|profile| &profile.company))
    .bind(profile.and_then(|profile| profile.country_id))
    .bind(profile.and_then(|profile| profile.timezone_id))
    .bind(timezone.map(TimeZone::as_str))
    .execute(db)
    .await
    .map(drop)
}

async fn set_active(db: &mut PgConnection, id: i64, active: bool) -> Result<(), sqlx::Error> {
    sqlx::query("update users set active = $2 where user_id = $1")
        .bind(id)
        .bind(active)
        .execute(db)
        .await
        .map(drop)
}

async fn set_senders(
    db: &mut PgConnection,
    sql: &'static str,
    id: i64,
    (names, until): (Option<&Vec<String>>, Option<DateTime<Utc>>),
) -> Result<(), sqlx::Error> {
    sqlx::query(sql)
        .bind(id)
        .bind(names.map_or(&[][..], Vec::as_slice))
        .bind(until)
        .execute(db)
        .await
        .map(drop)
}

const GIVE_ROLE: &str = "insert into user_roles (user_id, role_id, tenant_id) values ($1, $2, $3)";

/// Writes or deletes a right of a user within a tenant.
async fn within(
    db: &mut PgConnection,
    sql: &'static str,
    id: i64,
    right: i64,
    tenant: Id<Tenant>,
) -> Result<(), sqlx::Error> {
    sqlx::query(sql)
        .bind(id)
        .bind(right)
        .bind(tenant.get())
        .execute(db)
        .await
        .map(drop)
}

async fn assign(db: &mut PgConnection, id: i64, tenant: Id<Tenant>) -> Result<(), sqlx::Error> {
    sqlx::query("insert into user_tenants (user_id, tenant_id) values ($1, $2)")
        .bind(id)
        .bind(tenant.get())
        .execute(db)
        .await
        .map(drop)
}

async fn unassign(db: &mut PgConnection, id: i64, tenant: Id<Tenant>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with roles as (delete from user_roles where user_id = $1 and tenant_id = $2), \
           permissions as (delete from user_permissions where user_id = $1 and tenant_id = $2) \
         delete from user_tenants where user_id = $1 and tenant_id = $2",
    )
    .bind(id)
    .bind(tenant.get())
    .execute(db)
    .await
    .map(drop)
}
