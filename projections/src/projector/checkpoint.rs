//! The SQL statements for a projection's checkpoint.

use eventstore::Position;
use sqlx::{Executor as _, PgConnection};

use crate::{Projection, Stopped, projection::schema};

/// Reads a projection's checkpoint, inserting it at position 0 if the projection is new.
pub(super) async fn read(db: &mut PgConnection, name: &str) -> Result<Position, sqlx::Error> {
    sqlx::query("insert into read.checkpoints (name) values ($1) on conflict do nothing")
        .bind(name)
        .execute(&mut *db)
        .await?;
    sqlx::query_scalar("select position from read.checkpoints where name = $1")
        .bind(name)
        .fetch_one(db)
        .await
}

/// Begins a transaction in the projection's schema that moves its checkpoint; false, and no
/// transaction, if the checkpoint is not where this process left it. One round trip, because
/// this happens for every batch.
///
/// The checkpoint is locked first, so that a rebuild which holds its row has the tables for
/// itself, and neither can deadlock with the other.
pub(super) async fn begin(
    db: &mut PgConnection,
    projection: &dyn Projection,
    (from, to): (Position, Position),
    durably: bool,
) -> Result<bool, sqlx::Error> {
    let (name, schema) = (projection.name(), schema(projection));
    let durably = if durably { "on" } else { "off" };
    let moved = db
        .execute(&*format!(
            "begin; set local synchronous_commit = {durably}; set local search_path = {schema}; \
         update read.checkpoints set position = {to}, stopped_at_position = null, \
         error = null, stopped_since = null, updated_at = now() \
         where name = '{name}' and position = {from}"
        ))
        .await?;
    if moved.rows_affected() == 0 {
        rollback(db).await?;
        return Ok(false);
    }
    Ok(true)
}

pub(super) async fn commit(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    db.execute("commit").await.map(drop)
}

pub(super) async fn rollback(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    db.execute("rollback").await.map(drop)
}

/// Records the event at which a projection is stopped, for all processes to see.
pub(super) async fn stop(
    db: &mut PgConnection,
    name: &str,
    at: Position,
    stopped: &Stopped,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update read.checkpoints set stopped_since = case \
           when stopped_at_position = $3 then stopped_since else now() end, \
         stopped_at_position = $3, error = $4 where name = $1 and position = $2",
    )
    .bind(name)
    .bind(at)
    .bind(stopped.position)
    .bind(&stopped.error)
    .execute(db)
    .await
    .map(drop)
}
