//! The read model of roles and their permissions.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event,
    access::{Role, RoleEvent},
    values::Line,
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    reads::{By, Conditions},
    writes,
};

/// A role as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct RoleRow {
    pub role_id: i64,
    pub name: String,
    pub description: Option<String>,
    /// The names of the role's permissions.
    pub permissions: Vec<String>,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of roles.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RoleFilter {
    pub role_id: Option<i64>,
    pub name: Option<String>,
    pub description: Option<String>,
}

impl View for RoleRow {
    type Filter = RoleFilter;

    const COLUMNS: &'static str = "t.role_id, t.name, t.description, \
        array(select p.name from read.role_permissions rp \
          join read.permissions p using (permission_id) \
          where rp.role_id = t.role_id order by p.name) as permissions, \
        t.created_position, t.version";
    const FROM: &'static str = "from read.roles t";
    const ID: &'static str = "t.role_id";
    const OWNER: Option<&'static str> = None;
    const SORTS: &'static [(&'static str, By)] = &[
        ("role_id", By::Number("t.role_id")),
        ("name", By::Text("lower(t.name)")),
    ];

    fn narrow(filter: &RoleFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.role_id", filter.role_id);
        conditions.starts("t.name", &filter.name);
        conditions.contains("t.description", &filter.description);
    }

    fn created_position(&self) -> i64 {
        self.created_position
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// The projection that maintains `roles` and `role_permissions`.
pub struct Roles;

#[async_trait]
impl Projection for Roles {
    fn name(&self) -> &'static str {
        "roles"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Role::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["roles", "role_permissions"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            if let Event::Role(event) = &recorded.event {
                apply(db, recorded, event).await?;
            }
        }
        Ok(())
    }
}

async fn apply(
    db: &mut PgConnection,
    recorded: &Recorded,
    event: &RoleEvent,
) -> Result<(), sqlx::Error> {
    use RoleEvent::{
        RoleCreated, RoleDeleted, RolePermissionGranted, RolePermissionWithdrawn, RoleUpdated,
    };
    let id = recorded.aggregate_id;
    match event {
        RoleCreated {
            name,
            description,
            permissions,
            ..
        } => {
            let permissions: Vec<i64> = permissions.iter().map(|id| id.get()).collect();
            sqlx::query(
                "with role as (insert into roles (role_id, name, description, created_position, \
                   created_at, updated_at, version) values ($1, $2, $3, $4, $5, $5, 0)) \
                 insert into role_permissions (role_id, permission_id) \
                 select $1, id from unnest($6::bigint[]) id",
            )
            .bind(id)
            .bind(name.as_str())
            .bind(description.as_ref().map(Line::as_str))
            .bind(recorded.position)
            .bind(recorded.occurred_at)
            .bind(permissions)
            .execute(&mut *db)
            .await?;
        }
        RoleUpdated { name, description } => {
            sqlx::query("update roles set name = $2, description = $3 where role_id = $1")
                .bind(id)
                .bind(name.as_str())
                .bind(description.as_ref().map(Line::as_str))
                .execute(&mut *db)
                .await?;
        }
        RolePermissionGranted { permission_id } => {
            sqlx::query("insert into role_permissions (role_id, permission_id) values ($1, $2)")
                .bind(id)
                .bind(permission_id.get())
                .execute(&mut *db)
                .await?;
        }
        RolePermissionWithdrawn { permission_id } => {
            sqlx::query("delete from role_permissions where role_id = $1 and permission_id = $2")
                .bind(id)
                .bind(permission_id.get())
                .execute(&mut *db)
                .await?;
        }
        RoleDeleted {} => {
            return writes::delete(db, recorded, &["roles", "role_permissions"], "role_id").await;
        }
    }
    writes::touch(db, recorded, "roles", "role_id").await
}
