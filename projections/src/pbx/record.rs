//! The projection of PBX records. All kinds have it in common; what a kind has of its own is its
//! [`RecordTable`].

use std::{collections::BTreeSet, future::ready, sync::Arc};

use async_trait::async_trait;
use domain::{
    Event, Id, Owner,
    access::Tenant,
    pbx::{Details, RecordEvent},
};
use eventstore::Recorded;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::{PgConnection, PgPool, types::Json};

use crate::{Projection, Registered, View};

/// The values of columns by their names.
pub type Columns = Map<String, Value>;

/// The table of a kind of records. Beside the columns of the details it has the primary key,
/// `tenant_id` if the kind belongs to tenants, `created_position`, `created_at`, `updated_at` and
/// `version`.
pub trait RecordTable: Registered + Send + Sync + 'static {
    /// The details of the kind.
    type Details: Details;

    /// The name of the table, which is that of the projection too.
    const TABLE: &'static str;
    /// The primary key.
    const KEY: &'static str;

    /// The event, if it is one of this kind.
    fn event(event: &Event) -> Option<&RecordEvent<Self::Details>>;

    /// The columns of the details: their fields, unless the kind has others.
    ///
    /// # Errors
    /// None for the present kinds, whose fields all have a JSON form.
    fn columns(details: &Self::Details) -> serde_json::Result<Columns> {
        columns_of(details)
    }

    /// Writes what follows from all records of a tenant together, once a batch has changed some of
    /// them; nothing for most kinds.
    fn settle(
        _db: &mut PgConnection,
        _tenants: &[i64],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send {
        ready(Ok(()))
    }
}

/// The number of rows of a tenant, counted up to `most`.
///
/// # Errors
/// When the database cannot be read.
pub async fn count_within<V: View>(
    pool: &PgPool,
    tenant: Id<Tenant>,
    most: i64,
) -> Result<i64, sqlx::Error> {
    let sql = format!(
        "select count(*) from (select {} where t.tenant_id = $1 limit $2) some_of_them",
        V::FROM
    );
    let count = sqlx::query_scalar(&sql).bind(tenant.get()).bind(most);
    count.fetch_one(pool).await
}

/// The fields of a value as columns.
pub(super) fn columns_of(value: &impl Serialize) -> serde_json::Result<Columns> {
    Ok(match serde_json::to_value(value)? {
        Value::Object(columns) => columns,
        _ => Columns::new(),
    })
}

/// Gives a column another name.
pub(super) fn rename(columns: &mut Columns, from: &str, to: &str) {
    if let Some(value) = columns.remove(from) {
        columns.insert(to.to_owned(), value);
    }
}

/// Replaces a secret by a flag that is true if there is one.
pub(super) fn hide(columns: &mut Columns, secret: &str, flag: &str) {
    let is_there = columns.remove(secret).is_some_and(|value| !value.is_null());
    columns.insert(flag.to_owned(), Value::Bool(is_there));
}

#[async_trait]
impl<T: RecordTable> Projection for T {
    fn name(&self) -> &'static str {
        T::TABLE
    }

    fn follows(&self) -> &'static [&'static str] {
        const { &[<T::Details as Details>::TYPE] }
    }

    fn tables(&self) -> &'static [&'static str] {
        const { &[T::TABLE] }
    }

    async fn apply(
        &self,
        db: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), sqlx::Error> {
        let mut tenants = BTreeSet::new();
        for recorded in events {
            let Some(event) = T::event(&recorded.event) else {
                continue;
            };
            let tenant = match event {
                RecordEvent::Created { owner, details, .. } => {
                    insert::<T>(db, recorded, *owner, details.get()).await?;
                    owner.map(|owner| owner.tenant.get())
                }
                RecordEvent::Updated { details } => {
                    update::<T>(db, recorded, details.get()).await?
                }
                RecordEvent::Deleted {} => delete::<T>(db, recorded).await?,
            };
            tenants.extend(tenant);
        }
        let tenants: Vec<i64> = tenants.into_iter().collect();
        T::settle(db, &tenants).await
    }
}

/// The tenant of a changed row, as a value to return; none for a kind of the installation.
fn tenant_of<T: RecordTable>() -> String {
    format!("(to_jsonb({}) ->> 'tenant_id')::bigint", T::TABLE)
}

/// The columns of these details; those of a record without any if they were erased.
fn columns<T: RecordTable>(details: Option<&T::Details>) -> Result<Columns, sqlx::Error> {
    let columns = match details {
        Some(details) => T::columns(details),
        None => T::columns(&T::Details::default()),
    };
    columns.map_err(|error| sqlx::Error::Encode(error.into()))
}

fn names(columns: &Columns) -> String {
    let names: Vec<&str> = columns.keys().map(String::as_str).collect();
    names.join(", ")
}

async fn insert<T: RecordTable>(
    db: &mut PgConnection,
    recorded: &Recorded,
    owner: Option<Owner>,
    details: Option<&T::Details>,
) -> Result<(), sqlx::Error> {
    let mut columns = columns::<T>(details)?;
    if let Some(owner) = owner {
        columns.insert("tenant_id".to_owned(), owner.tenant.get().into());
    }
    let (table, key, names) = (T::TABLE, T::KEY, names(&columns));
    let sql = format!(
        "insert into {table} ({key}, created_position, created_at, updated_at, version, {names}) \
         select $2, $3, $4, $4, $5, {names} from jsonb_populate_record(null::{table}, $1)"
    );
    sqlx::query(&sql)
        .bind(Json(columns))
        .bind(recorded.aggregate_id)
        .bind(recorded.position)
        .bind(recorded.occurred_at)
        .bind(recorded.sequence as i64)
        .execute(db)
        .await
        .map(drop)
}

/// Returns the tenant.
async fn update<T: RecordTable>(
    db: &mut PgConnection,
    recorded: &Recorded,
    details: Option<&T::Details>,
) -> Result<Option<i64>, sqlx::Error> {
    let columns = columns::<T>(details)?;
    let (table, key, names, tenant) = (T::TABLE, T::KEY, names(&columns), tenant_of::<T>());
    let sql = format!(
        "update {table} set (updated_at, version, {names}) = \
           (select $3, $4, {names} from jsonb_populate_record(null::{table}, $1)) \
         where {key} = $2 returning {tenant}"
    );
    let tenant: Option<Option<i64>> = sqlx::query_scalar(&sql)
        .bind(Json(columns))
        .bind(recorded.aggregate_id)
        .bind(recorded.occurred_at)
        .bind(recorded.sequence as i64)
        .fetch_optional(db)
        .await?;
    Ok(tenant.flatten())
}

/// Returns the tenant.
async fn delete<T: RecordTable>(
    db: &mut PgConnection,
    recorded: &Recorded,
) -> Result<Option<i64>, sqlx::Error> {
    let (table, key, tenant) = (T::TABLE, T::KEY, tenant_of::<T>());
    let sql = format!("delete from {table} where {key} = $1 returning {tenant}");
    let tenant: Option<Option<i64>> = sqlx::query_scalar(&sql)
        .bind(recorded.aggregate_id)
        .fetch_optional(db)
        .await?;
    Ok(tenant.flatten())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_becomes_a_flag() {
        for (pin, has_pin) in [(json!("sealed"), true), (json!(null), false)] {
            let mut columns = columns_of(&json!({"name": "Door", "pin": pin})).unwrap();
            hide(&mut columns, "pin", "has_pin");
            let expected = json!({"name": "Door", "has_pin": has_pin});
            assert_eq!(Value::Object(columns), expected);
        }
    }

    #[test]
    fn a_column_gets_another_name() {
        let mut columns = columns_of(&json!({"order": 2})).unwrap();
        rename(&mut columns, "order", "place");
        assert_eq!(Value::Object(columns), json!({"place": 2}));
    }
}
