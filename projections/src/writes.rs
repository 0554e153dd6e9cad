//! Statements that most projections write alike, about the rows of an event's aggregate.

use eventstore::Recorded;
use sqlx::PgConnection;

/// Sets the time and the version of the aggregate's row in `table`, whose primary key is `key`.
pub(crate) async fn touch(
    db: &mut PgConnection,
    recorded: &Recorded,
    table: &str,
    key: &str,
) -> Result<(), sqlx::Error> {
    let sql = format!("update {table} set updated_at = $2, version = $3 where {key} = $1");
    sqlx::query(&sql)
        .bind(recorded.aggregate_id)
        .bind(recorded.occurred_at)
        .bind(recorded.sequence as i64)
        .execute(db)
        .await
        .map(drop)
}

/// Deletes the aggregate's rows from `tables`, in which `key` is its id.
pub(crate) async fn delete(
    db: &mut PgConnection,
    recorded: &Recorded,
    tables: &[&str],
    key: &str,
) -> Result<(), sqlx::Error> {
    for table in tables {
        sqlx::query(&format!("delete from {table} where {key} = $1"))
            .bind(recorded.aggregate_id)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
