//! The contacts of a campaign's group, as its pacing and its report read them.

use sqlx::{FromRow, PgPool};

/// A contact of a group, with the fields that a campaign needs.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Member {
    /// The contact.
    pub contact_id: i64,
    /// False if the contact was deleted.
    pub exists: bool,
    /// The phone number, if it has one.
    pub phone: Option<String>,
    /// The email address, if it has one.
    pub email: Option<String>,
    /// The time zone, if it is known.
    pub timezone: Option<String>,
}

/// A contact to which a campaign has not made a transmission yet.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
#[allow(missing_docs)]
pub struct Unreached {
    pub contact_id: i64,
    pub phone: Option<String>,
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
}

/// The contacts of a group that joined it at position `at` or before, in the order of their
/// ids, from those after contact `after`.
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

/// The contacts that were in the group when the campaign was started and still are, in the
/// order of their ids, from those after contact `after`.
pub async fn unreached(
    pool: &PgPool,
    group_id: i64,
    started_position: i64,
    after: i64,
    limit: usize,
) -> Result<Vec<Unreached>, sqlx::Error> {
    sqlx::query_as(
        "select c.contact_id, c.phone, c.email, c.first_name, c.last_name \
         from read.contact_groups l join read.contacts c on c.contact_id = l.contact_id \
         where l.group_id = $1 and l.contact_id > $2 and l.linked_position <= $3 \
         order by l.contact_id limit $4",
    )
    .bind(group_id)
    .bind(after)
    .bind(started_position)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await
}

/// Those of these contacts that still exist.
pub async fn contacts(pool: &PgPool, ids: &[i64]) -> Result<Vec<Member>, sqlx::Error> {
    sqlx::query_as(
        "select contact_id, true as exists, phone, email, timezone \
         from read.contacts where contact_id = any($1)",
    )
    .bind(ids)
    .fetch_all(pool)
    .await
}
