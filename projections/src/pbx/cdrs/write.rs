//! Writes calls and their records, a batch at a time.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;

use super::{
    changes::Changes,
    ended_call::{EndedCall, ResolvedCall},
    open_call::OpenCall,
};

/// The open calls among these attempts.
pub(super) async fn open(
    db: &mut PgConnection,
    ids: &BTreeSet<i64>,
) -> Result<BTreeMap<i64, OpenCall>, sqlx::Error> {
    let calls: Vec<OpenCall> = sqlx::query_as(
        "select call_id, transmission_id, user_id, tenant_id, contact_id, clid, src, dst, \
           started_at, connected_at, hung_up \
         from open_calls where call_id = any($1)",
    )
    .bind(listed(ids))
    .fetch_all(db)
    .await?;
    Ok(calls.into_iter().map(|call| (call.call_id, call)).collect())
}

/// Writes the changes of a batch.
pub(super) async fn write(db: &mut PgConnection, changes: &Changes) -> Result<(), sqlx::Error> {
    close(db, &changes.closed).await?;
    let open: Vec<_> = changes.open.values().collect();
    put(db, &open).await?;
    let ended: Vec<_> = changes.ended.values().collect();
    insert(db, &ended).await?;
    for resolved in &changes.resolved {
        resolve(db, resolved).await?;
    }
    Ok(())
}

async fn close(db: &mut PgConnection, ids: &BTreeSet<i64>) -> Result<(), sqlx::Error> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from open_calls where call_id = any($1)")
        .bind(listed(ids))
        .execute(db)
        .await
        .map(drop)
}

async fn put(db: &mut PgConnection, calls: &[&OpenCall]) -> Result<(), sqlx::Error> {
    if calls.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into open_calls (call_id, transmission_id, user_id, tenant_id, contact_id, clid, \
           src, dst, started_at, connected_at, hung_up) \
         select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], \
           $5::bigint[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], \
           $10::timestamptz[], $11::bool[]) \
         on conflict (call_id) do update set started_at = excluded.started_at, \
           connected_at = excluded.connected_at, hung_up = excluded.hung_up",
    )
    .bind(column(calls, |call| call.call_id))
    .bind(column(calls, |call| call.transmission_id))
    .bind(column(calls, |call| call.user_id))
    .bind(column(calls, |call| call.tenant_id))
    .bind(column(calls, |call| call.contact_id))
    .bind(column(calls, |call| call.clid.as_deref()))
    .bind(column(calls, |call| call.src.as_deref()))
    .bind(column(calls, |call| call.dst.as_deref()))
    .bind(column(calls, |call| call.started_at))
    .bind(column(calls, |call| call.connected_at))
    .bind(column(calls, |call| call.hung_up))
    .execute(db)
    .await
    .map(drop)
}

async fn insert(db: &mut PgConnection, ended: &[&EndedCall]) -> Result<(), sqlx::Error> {
    if ended.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into cdrs (cdr_id, transmission_id, user_id, tenant_id, contact_id, started_at, \
           answered_at, ended_at, clid, realsrc, src, dst, firstdst, lastdst, duration, billsec, \
           disposition, cc_cost, created_position, created_at, updated_at, version) \
         select u.cdr_id, u.transmission_id, u.user_id, u.tenant_id, u.contact_id, u.started_at, \
           u.answered_at, u.ended_at, u.clid, u.src, u.src, u.dst, u.dst, u.dst, u.duration, \
           u.billsec, u.disposition, u.cost, u.position, u.created_at, u.updated_at, u.version \
         from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], \
           $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[], \
           $11::text[], $12::int[], $13::int[], $14::text[], $15::int[], $16::bigint[], \
           $17::timestamptz[], $18::timestamptz[], $19::bigint[]) \
           as u (cdr_id, transmission_id, user_id, tenant_id, contact_id, started_at, \
           answered_at, ended_at, clid, src, dst, duration, billsec, disposition, cost, \
           position, created_at, updated_at, version)",
    )
    .bind(column(ended, |it| it.call.call_id))
    .bind(column(ended, |it| it.call.transmission_id))
    .bind(column(ended, |it| it.call.user_id))
    .bind(column(ended, |it| it.call.tenant_id))
    .bind(column(ended, |it| it.call.contact_id))
    .bind(column(ended, |it| it.started_at()))
    .bind(column(ended, |it| it.answered_at))
    .bind(column(ended, |it| it.ended_at))
    .bind(column(ended, |it| it.call.clid.as_deref()))
    .bind(column(ended, |it| it.call.src.as_deref()))
    .bind(column(ended, |it| it.call.dst.as_deref()))
    .bind(column(ended, |it| it.duration()))
    .bind(column(ended, |it| it.billed()))
    .bind(column(ended, |it| it.disposition.as_str()))
    .bind(column(ended, |it| it.cost))
    .bind(column(ended, |it| it.position))
    .bind(column(ended, |it| it.created_at))
    .bind(column(ended, |it| it.updated_at))
    .bind(column(ended, |it| it.version))
    .execute(db)
    .await
    .map(drop)
}

/// Records an outcome that has become known. What was answered stays so.
async fn resolve(db: &mut PgConnection, resolved: &ResolvedCall) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update cdrs set updated_at = $3, version = $4, \
           disposition = case when answered_at is null then $2 else disposition end \
         where cdr_id = $1",
    )
    .bind(resolved.call_id)
    .bind(resolved.disposition.as_str())
    .bind(resolved.updated_at)
    .bind(resolved.version)
    .execute(db)
    .await
    .map(drop)
}

/// Records the erased contacts, because events about them may still come.
pub(super) async fn remember(
    db: &mut PgConnection,
    erased: &BTreeSet<i64>,
) -> Result<(), sqlx::Error> {
    if erased.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into cdr_erased_contacts (contact_id) select unnest($1::bigint[]) \
         on conflict do nothing",
    )
    .bind(listed(erased))
    .execute(db)
    .await
    .map(drop)
}

/// Removes the data of those of these contacts that are erased, as a rebuild would: without the key
/// the numbers and the words of the remote side, by which a call was found busy, read as empty.
pub(super) async fn forget(
    db: &mut PgConnection,
    contacts: &BTreeSet<i64>,
) -> Result<(), sqlx::Error> {
    if contacts.is_empty() {
        return Ok(());
    }
    let erased: Vec<i64> =
        sqlx::query_scalar("select contact_id from cdr_erased_contacts where contact_id = any($1)")
            .bind(listed(contacts))
            .fetch_all(&mut *db)
            .await?;
    if erased.is_empty() {
        return Ok(());
    }
    for sql in [
        "update open_calls set clid = null, src = null, dst = null where contact_id = any($1)",
        "update cdrs set clid = null, realsrc = null, src = null, dst = null, firstdst = null, \
           lastdst = null, \
           disposition = case disposition when 'BUSY' then 'NO ANSWER' else disposition end \
         where contact_id = any($1)",
    ] {
        sqlx::query(sql).bind(&erased).execute(&mut *db).await?;
    }
    Ok(())
}

fn listed(ids: &BTreeSet<i64>) -> Vec<i64> {
    ids.iter().copied().collect()
}

/// The values of a column, for all rows.
fn column<'r, R, T>(rows: &[&'r R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(|&row| value(row)).collect()
}
