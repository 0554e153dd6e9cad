//! Reads of the senders that short messages of users' accounts may name, from the read model of
//! users.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool};
use utoipa::ToSchema;

/// The senders that short messages of a user's accounts may name, as clients see them.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize, ToSchema)]
pub struct SmsSendersRow {
    /// The user.
    pub user_id: i64,
    /// Names and numbers that an account administrator listed.
    pub names: Vec<String>,
    /// Senders that were in use before there was a list.
    pub provisional: Vec<String>,
    /// The time until which the provisional senders may be used, in unix seconds.
    pub provisional_until: Option<i64>,
}

/// The senders that short messages of this user's accounts may name.
pub async fn sms_senders(
    pool: &PgPool,
    user_id: i64,
) -> Result<Option<SmsSendersRow>, sqlx::Error> {
    sqlx::query_as(
        "select user_id, sms_senders as names, sms_senders_provisional as provisional, \
           extract(epoch from sms_senders_until)::bigint as provisional_until \
         from read.users where user_id = $1",
    )
    .bind(user_id)
    .fetch_optional(pool)
    .await
}

/// The users with provisional senders, whose right to them ends unless an account administrator
/// lists them.
#[derive(Clone, Debug, FromRow)]
pub struct ProvisionalSenders {
    /// The number of users.
    pub count: i64,
    /// The time at which the first right ends.
    pub until: Option<DateTime<Utc>>,
    /// The ids of the first users, in order.
    pub first: Vec<i64>,
}

/// The users with provisional senders of short messages at `at`, the first `named` of them by id.
pub async fn provisional_senders(
    pool: &PgPool,
    at: DateTime<Utc>,
    named: i64,
) -> Result<ProvisionalSenders, sqlx::Error> {
    sqlx::query_as(
        "with provisional as (select user_id, sms_senders_until as until \
           from read.users where sms_senders_until > $2) \
         select count(*) as count, min(until) as until, \
           array(select user_id from provisional order by user_id limit $1) as first \
         from provisional",
    )
    .bind(named)
    .bind(at)
    .fetch_one(pool)
    .await
}
