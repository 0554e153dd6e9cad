//! What the one who paces campaigns reads: which are under way, who is in their groups,
//! and what they have left to send. A campaign that ended is swept here, too.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};

/// A campaign that was started, and of which something may be left to do.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Open {
    /// The campaign.
    pub campaign_id: i64,
    /// `new`, `running`, `stopped` or `ended`.
    pub state: String,
    /// The sequence of its last event but for those that tell how far it is.
    pub version: i64,
    /// Where it was first started; nothing before.
    pub started_position: Option<i64>,
}

/// A contact of a group, as far as a campaign must know it.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Member {
    /// The contact.
    pub contact_id: i64,
    /// Whether it is still there.
    pub exists: bool,
    /// Its number, if it has one.
    pub phone: Option<String>,
    /// Its address, if it has one.
    pub email: Option<String>,
    /// Its time zone, if one is known.
    pub timezone: Option<String>,
}

/// A contact of a campaign whose turn has not come.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[allow(missing_docs)]
pub struct Unreached {
    pub contact_id: i64,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}

/// An attempt that nobody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromRow)]
pub struct Waiting {
    /// What it is an attempt of.
    pub transmission_id: i64,
    /// The attempt.
    pub spool_id: i64,
    /// Since when it could be taken.
    pub due_at: DateTime<Utc>,
}

/// A transmission that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, FromRow)]
pub struct Ready {
    /// The transmission.
    pub transmission_id: i64,
    /// Since when it can be. One that comes back has another moment.
    pub open_at: DateTime<Utc>,
}

/// The campaigns there is something left to do for.
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

/// One of them, as of now.
pub async fn one(pool: &PgPool, campaign_id: i64) -> Result<Option<Open>, sqlx::Error> {
    sqlx::query_as(
        "select campaign_id, state, version, started_position from dispatch.campaigns \
         where campaign_id = $1",
    )
    .bind(campaign_id)
    .fetch_optional(pool)
    .await
}

/// The contacts of a group that were in it at this position, those after this one, in
/// the order of their ids.
pub async fn members(
    pool: &PgPool,
    group_id: i64,
    after: i64,
    at: i64,
    limit: usize,
) -> Result<Vec<Member>, sqlx::Error> {
    sqlx::query_as(
        "select l.contact_id, c.contact_id is not null as exists, c.phone, c.email, c.timezone \
         from (select contact_id from read.contact_groups \
           where group_id = $1 and contact_id > $2 and linked_position <= $3 \
           order by contact_id limit $4) l \
         left join read.contacts c on c.contact_id = l.contact_id order by l.contact_id",
    )
    .bind(group_id)
    .bind(after)
    .bind(at)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await
}

/// Those who were in the group when the campaign was first started, and are still there:
/// those after this one, in the order of their ids. Before it is started that is nobody.
pub async fn unreached(
    pool: &PgPool,
    campaign_id: i64,
    group_id: i64,
    after: i64,
    limit: usize,
) -> Result<Vec<Unreached>, sqlx::Error> {
    sqlx::query_as(
        "select c.contact_id, c.phone, c.email, c.first_name, c.last_name \
         from read.contact_groups l join read.contacts c on c.contact_id = l.contact_id \
         where l.group_id = $1 and l.contact_id > $2 and l.linked_position <= \
           (select started_position from dispatch.campaigns where campaign_id = $3) \
         order by l.contact_id limit $4",
    )
    .bind(group_id)
    .bind(after)
    .bind(campaign_id)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await
}

/// These contacts, those that are still there.
pub async fn contacts(pool: &PgPool, ids: &[i64]) -> Result<Vec<Member>, sqlx::Error> {
    sqlx::query_as(
        "select contact_id, true as exists, phone, email, timezone \
         from read.contacts where contact_id = any($1)",
    )
    .bind(ids)
    .fetch_all(pool)
    .await
}

/// Puts down who is reached at which address; says whom each address belongs to. The
/// first contact that comes with an address keeps it.
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

/// Takes back what was put down for contacts after this one: whoever paced the campaign
/// before came no further.
pub async fn unreach(pool: &PgPool, campaign_id: i64, after: i64) -> Result<(), sqlx::Error> {
    sqlx::query("delete from dispatch.reached where campaign_id = $1 and contact_id > $2")
        .bind(campaign_id)
        .bind(after)
        .execute(pool)
        .await
        .map(drop)
}

/// Transmissions of a campaign that are to be sent, those that can be sent by then, or
/// all; the longest ready first.
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

/// Transmissions of a campaign that cannot be sent yet, in their order; those after this one.
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

/// When the next transmission of a campaign can be sent; nothing if none is left.
pub async fn next_open(
    pool: &PgPool,
    campaign_id: i64,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    sqlx::query_scalar("select min(open_at) from dispatch.backlog where campaign_id = $1")
        .bind(campaign_id)
        .fetch_one(pool)
        .await
}

/// Attempts of a campaign that nobody holds, of those due by then.
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

/// Whether nothing of a campaign is queued or under way.
pub async fn is_still(pool: &PgPool, campaign_id: i64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "select not exists (select from dispatch.queue where campaign_id = $1) \
           and not exists (select from dispatch.backlog where campaign_id = $1)",
    )
    .bind(campaign_id)
    .fetch_one(pool)
    .await
}

/// Forgets some of the addresses of a campaign that ended, and at last itself; whether
/// that was all. A little at a time, so that nobody waits for it.
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
