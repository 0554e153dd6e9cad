//! The tables of accounts that are part of a PBX: extensions and DIDs.

use domain::{
    people::{DidDetails, ExtensionDetails},
    values::{Line, PhoneNumber},
};
use eventstore::Recorded;
use sqlx::PgConnection;

/// Brings the rows of an account's extension and DID in line with its row in `accounts`. Each is
/// there while the account has that type.
pub(super) async fn follow(db: &mut PgConnection, id: i64) -> Result<(), sqlx::Error> {
    for (table, kind) in [("extensions", "extension"), ("dids", "did")] {
        let delete = format!(
            "delete from {table} where {kind}_id = $1 \
               and not exists (select from accounts where account_id = $1 and type = '{kind}')"
        );
        sqlx::query(&delete).bind(id).execute(&mut *db).await?;
    }
    sqlx::query(
        "insert into extensions (extension_id, user_id, tenant_id, name, active, \
           created_position, created_at, updated_at, version) \
         select account_id, user_id, tenant_id, nullif(concat_ws(' ', first_name, last_name), ''), \
           active, created_position, created_at, updated_at, version \
         from accounts where account_id = $1 and type = 'extension' \
         on conflict (extension_id) do update set user_id = excluded.user_id, \
           name = excluded.name, active = excluded.active, updated_at = excluded.updated_at, \
           version = excluded.version",
    )
    .bind(id)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "insert into dids (did_id, user_id, tenant_id, number, connected, active, \
           created_position, created_at, updated_at, version) \
         select account_id, user_id, tenant_id, phone, \
           coalesce(phone_basis in ('assigned', 'verified') and phone_receives, false), \
           active, created_position, created_at, updated_at, version \
         from accounts where account_id = $1 and type = 'did' \
         on conflict (did_id) do update set user_id = excluded.user_id, \
           number = excluded.number, connected = excluded.connected, active = excluded.active, \
           updated_at = excluded.updated_at, version = excluded.version",
    )
    .bind(id)
    .execute(db)
    .await
    .map(drop)
}

/// Writes the details of an extension.
pub(super) async fn set_extension(
    db: &mut PgConnection,
    recorded: &Recorded,
    details: &ExtensionDetails,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update extensions set number = $2, cid_number = $3, cid_name = $4, \
           follow_me_caller_id = $5, call_waiting = $6, ring_time = $7 where extension_id = $1",
    )
    .bind(recorded.aggregate_id)
    .bind(details.number.as_ref().map(Line::as_str))
    .bind(details.cid_number.as_ref().map(PhoneNumber::as_str))
    .bind(details.cid_name.as_ref().map(Line::as_str))
    .bind(
        details
            .follow_me_caller_id
            .as_ref()
            .map(PhoneNumber::as_str),
    )
    .bind(details.call_waiting.as_ref().map(Line::as_str))
    .bind(details.ring_time.map(i64::from))
    .execute(db)
    .await
    .map(drop)
}

/// Writes the details of a DID.
pub(super) async fn set_did(
    db: &mut PgConnection,
    recorded: &Recorded,
    details: &DidDetails,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update dids set country = $2, area = $3, comment = $4, recording = $5, fax = $6, \
           prefix = $7, name_prefix = $8 where did_id = $1",
    )
    .bind(recorded.aggregate_id)
    .bind(details.country.as_ref().map(Line::as_str))
    .bind(details.area.as_ref().map(Line::as_str))
    .bind(details.comment.as_ref().map(Line::as_str))
    .bind(details.recording)
    .bind(details.fax)
    .bind(details.prefix.as_ref().map(Line::as_str))
    .bind(details.name_prefix.as_ref().map(Line::as_str))
    .execute(db)
    .await
    .map(drop)
}
