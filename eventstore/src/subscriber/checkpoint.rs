//! The SQL statements for checkpoints.

use std::fmt::Write as _;

use sqlx::{Executor as _, PgConnection};

use super::Stopped;
use crate::Position;

/// A checkpoint to be moved: the subscriber's name, where it is, and where it goes.
pub(super) type Move = (&'static str, Position, Position);

/// Reads a subscriber's checkpoint, inserting it at position 0 if the subscriber is new.
pub(super) async fn read(db: &mut PgConnection, name: &str) -> Result<Position, sqlx::Error> {
    sqlx::query("insert into public.checkpoints (name) values ($1) on conflict do nothing")
        .bind(name)
        .execute(&mut *db)
        .await?;
    sqlx::query_scalar("select position from public.checkpoints where name = $1")
        .bind(name)
        .fetch_one(db)
        .await
}

/// Begins a transaction in this schema that moves checkpoints; false, and no transaction, if one of
/// them is not where this process left it. One round trip, because this happens for every batch.
///
/// The checkpoints are locked first, so that a rebuild which holds one has the tables for itself,
/// and neither can deadlock with the other.
pub(super) async fn begin(
    db: &mut PgConnection,
    moves: &[Move],
    schema: &str,
    durably: bool,
) -> Result<bool, sqlx::Error> {
    let durably = if durably { "on" } else { "off" };
    let mut sql = format!("begin; set local synchronous_commit = {durably}; ");
    // A lane waits for a lock of others only as long as its members can.
    sql.push_str("set local lock_timeout = '1s'; ");
    let _ = write!(sql, "set local search_path = {schema}; ");
    sql.push_str("update public.checkpoints c set position = m.upto, stopped_at_position = null, ");
    sql.push_str("error = null, stopped_since = null, updated_at = now() from (values ");
    for (index, (name, from, to)) in moves.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Names are constants of the program.
        let _ = write!(sql, "{comma}('{name}', {from}::bigint, {to}::bigint)");
    }
    sql.push_str(") m (name, since, upto) where c.name = m.name and c.position = m.since");
    let moved = db.execute(&*sql).await?.rows_affected();
    if moved != moves.len() as u64 {
        rollback(db).await?;
        return Ok(false);
    }
    Ok(true)
}

/// Makes a schema the search path of the transaction.
pub(super) async fn search(db: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
    db.execute(&*format!("set local search_path = {schema}"))
        .await
        .map(drop)
}

pub(super) async fn commit(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    db.execute("commit").await.map(drop)
}

pub(super) async fn rollback(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    db.execute("rollback").await.map(drop)
}

/// Records the event at which a subscriber is stopped, for all processes to see.
pub(super) async fn stop(
    db: &mut PgConnection,
    name: &str,
    at: Position,
    stopped: &Stopped,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update public.checkpoints set stopped_since = case \
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
