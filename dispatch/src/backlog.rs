//! The reads of the policy that paces campaigns: campaigns under way, and their backlog of
//! transmissions. Also sweeps campaigns that ended.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};

/// A campaign for which something may be left to do.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Open {
    /// The campaign.
    pub campaign_id: i64,
    /// `new`, `running`, `stopped` or `ended`.
    pub state: String,
    /// The sequence of its last event, other than `CampaignAdvanced`.
    pub version: i64,
    /// The position of its start; none before.
    pub started_position: Option<i64>,
}

/// A queued attempt that no worker has claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Waiting {
    /// The transmission that it is an attempt of.
    pub transmission_id: i64,
    /// The attempt.
    pub spool_id: i64,
    /// The time from which it can be claimed.
    pub due_at: DateTime<Utc>,
}

/// A transmission in the backlog of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromRow)]
pub struct Ready {
    /// The transmission.
    pub transmission_id: i64,
    /// The time from which it can be sent; a transmission that returns to the backlog has another.
    pub open_at: DateTime<Utc>,
}

/// The campaigns that run, have ended and are not swept, or have queued attempts that no worker
/// has claimed.
pub async fn open(pool: &PgPool) -> Result<Vec<Open>, sqlx::Error> {
    sqlx::query_as(
        "select campaign_id, state, version, started_position from dispatch.campaigns c \
         where state = 'running' or state = 'ended' \
           or exists (select from dispatch.queue q where q.campaign_id = c.campaign_id \
                and (q.lease_until is null or q.lease_until < now())) \
         order by campaign_id",
    )
    .fetch_all(pool)
    .await
}

/// The present row of a campaign.
pub async fn one(pool: &PgPool, campaign_id: i64) -> Result<Option<Open>, sqlx::Error> {
    sqlx::query_as(
        "select campaign_id, state, version, started_position from dispatch.campaigns \
         where campaign_id = $1",
    )
    .bind(campaign_id)
    .fetch_optional(pool)
    .await
}

/// Records which contact a campaign reaches at each address, to avoid duplicates; answers the
/// contact of each address. The first contact recorded for an address keeps it.
pub async fn reach(
    pool: &PgPool,
    campaign_id: i64,
    addresses: &[(i64, i64)],
) -> Result<Vec<(i64, i64)>, sqlx::Error> {
    let (keys, contacts): (Vec<i64>, Vec<i64>) = addresses.iter().copied().unzip();
    sqlx::query(
        "insert into dispatch.reached (campaign_id, address, contact_id) \
         select $1, u.address, min(u.contact_id) \
         from unnest($2::bigint[], $3::bigint[]) as u (address, contact_id) \
         group by u.address order by u.address on conflict do nothing",
    )
    .bind(campaign_id)
    .bind(&keys)
    .bind(contacts)
    .execute(pool)
    .await?;
    sqlx::query_as(
        "select r.address, r.contact_id from unnest($2::bigint[]) as u (address) \
         cross join lateral (select address, contact_id from dispatch.reached \
           where campaign_id = $1 and address = u.address limit 1) r",
    )
    .bind(campaign_id)
    .bind(keys)
    .fetch_all(pool)
    .await
}

/// Deletes the records of [`reach`] for contacts after `after`, up to which the campaign had
/// come when its pacing was interrupted.
pub async fn unreach(pool: &PgPool, campaign_id: i64, after: i64) -> Result<(), sqlx::Error> {
    sqlx::query("delete from dispatch.reached where campaign_id = $1 and contact_id > $2")
        .bind(campaign_id)
        .bind(after)
        .execute(pool)
        .await
        .map(drop)
}

/// The backlog of a campaign, the longest ready first: transmissions that can be sent at `by`, or
/// all without it.
pub async fn ready(
    pool: &PgPool,
    campaign_id: i64,
    by: Option<DateTime<Utc>>,
    limit: usize,
) -> Result<Vec<Ready>, sqlx::Error> {
    sqlx::query_as(
        "select transmission_id, open_at from dispatch.backlog \
         where campaign_id = $1 and open_at <= coalesce($2, 'infinity') \
         order by open_at, transmission_id limit $3",
    )
    .bind(campaign_id)
    .bind(by)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await
}

/// The backlog of a campaign after the time and id of `after`, in order: from the present time
/// on, the transmissions that cannot be sent yet.
pub async fn held(
    pool: &PgPool,
    campaign_id: i64,
    after: Ready,
    limit: usize,
) -> Result<Vec<Ready>, sqlx::Error> {
    sqlx::query_as(
        "select transmission_id, open_at from dispatch.backlog \
         where campaign_id = $1 and (open_at, transmission_id) > ($2, $3) \
         order by open_at, transmission_id limit $4",
    )
    .bind(campaign_id)
    .bind(after.open_at)
    .bind(after.transmission_id)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await
}

/// Queued attempts of a campaign that no worker has claimed, of those due at `due_by`, or of all
/// without it.
pub async fn waiting(
    pool: &PgPool,
    campaign_id: i64,
    due_by: Option<DateTime<Utc>>,
    limit: usize,
) -> Result<Vec<Waiting>, sqlx::Error> {
    sqlx::query_as(
        "select transmission_id, spool_id, due_at from dispatch.queue \
         where campaign_id = $1 and (lease_until is null or lease_until < now()) \
           and ($2::timestamptz is null or due_at <= $2) limit $3",
    )
    .bind(campaign_id)
    .bind(due_by)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await
}

/// True if no attempt of a campaign is queued or in flight and its backlog is empty.
pub async fn is_still(pool: &PgPool, campaign_id: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select not exists (select from dispatch.queue where campaign_id = $1) \
           and not exists (select from dispatch.backlog where campaign_id = $1)",
    )
    .bind(campaign_id)
    .fetch_one(pool)
    .await
}

/// Deletes at most `limit` addresses of a campaign that ended, and then the campaign; true once
/// all is deleted. Deletes in small steps, so that other transactions do not wait.
pub async fn sweep(pool: &PgPool, campaign_id: i64, limit: i64) -> Result<bool, sqlx::Error> {
    let swept = sqlx::query(
        "delete from dispatch.reached r using (select address from dispatch.reached \
           where campaign_id = $1 limit $2) s \
         where r.campaign_id = $1 and r.address = s.address",
    )
    .bind(campaign_id)
    .bind(limit)
    .execute(pool)
    .await?;
    if swept.rows_affected() > 0 {
        return Ok(false);
    }
    sqlx::query("delete from dispatch.campaigns where campaign_id = $1 and state = 'ended'")
        .bind(campaign_id)
        .execute(pool)
        .await?;
    Ok(true)
}
