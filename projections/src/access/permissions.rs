//! The read model of permissions.

use std::sync::Arc;

use async_trait::async_trait;
use cqrs_es::Aggregate;
use domain::{
    Event,
    access::{Permission, PermissionEvent},
    values::Line,
};
use eventstore::Recorded;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Projection, View,
    reads::{By, Conditions},
};

/// A permission as clients see it.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct PermissionRow {
    pub permission_id: i64,
    pub name: String,
    pub description: Option<String>,
    #[serde(skip)]
    pub created_position: i64,
    #[serde(skip)]
    pub version: i64,
}

/// The filter of a list of permissions.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct PermissionFilter {
    pub permission_id: Option<i64>,
    pub name: Option<String>,
    pub description: Option<String>,
}

impl View for PermissionRow {
    type Filter = PermissionFilter;

    const COLUMNS: &'static str =
        "t.permission_id, t.name, t.description, t.created_position, t.version";
    const FROM: &'static str = "from read.permissions t";
    const ID: &'static str = "t.permission_id";
    const OWNER: Option<&'static str> = None;
    const SORTS: &'static [(&'static str, By)] = &[
        ("permission_id", By::Number("t.permission_id")),
        ("name", By::Text("t.name")),
    ];

    fn narrow(filter: &PermissionFilter, conditions: &mut Conditions<'_>) {
        conditions.exact("t.permission_id", filter.permission_id);
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

/// The projection that maintains `permissions`.
pub struct Permissions;

#[async_trait]
impl Projection for Permissions {
    fn name(&self) -> &'static str {
        "permissions"
    }

    fn follows(&self) -> &'static [&'static str] {
        &[Permission::TYPE]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["permissions"]
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        for recorded in events {
            let Event::Permission(PermissionEvent::PermissionCreated {
                name, description, ..
            }) = &recorded.event
            else {
                continue;
            };
            sqlx::query(
                "insert into permissions (permission_id, name, description, created_position, \
                   created_at, updated_at, version) values ($1, $2, $3, $4, $5, $5, $6)",
            )
            .bind(recorded.aggregate_id)
            .bind(name.as_str())
            .bind(description.as_ref().map(Line::as_str))
            .bind(recorded.position)
            .bind(recorded.occurred_at)
            .bind(recorded.sequence as i64)
            .execute(&mut *db)
            .await?;
        }
        Ok(())
    }
}
