//! Limits on the codes that are sent: per destination and per user, within a day.
//!
//! They are counted in `identity.codes_sent` and not in the log: a code that was sent to an
//! address changes nothing of an account.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Id, access::User};
use sqlx::{FromRow, PgPool};

use super::VerificationError;

/// Bound on the codes sent to one destination within [`WINDOW`].
const PER_DESTINATION: i64 = 3;
/// Bound on the codes that one user has sent within [`WINDOW`].
const PER_USER: i64 = 20;
const WINDOW: TimeDelta = TimeDelta::days(1);

/// The codes sent within [`WINDOW`], and the times of the first of them.
#[derive(FromRow)]
struct Sent {
    to_destination: i64,
    first_to_destination: Option<DateTime<Utc>>,
    by_user: i64,
    first_by_user: Option<DateTime<Utc>>,
}

impl Sent {
    fn must_leave_one(&self, at: DateTime<Utc>) -> Result<(), VerificationError> {
        let (limit, first) = if self.by_user >= PER_USER {
            (
                "a user has twenty codes sent a day at most",
                self.first_by_user,
            )
        } else if self.to_destination >= PER_DESTINATION {
            (
                "three codes a day are sent to an address at most",
                self.first_to_destination,
            )
        } else {
            return Ok(());
        };
        let retry_after = first.map_or(WINDOW, |first| first + WINDOW - at);
        Err(VerificationError::TooMany { limit, retry_after })
    }
}

/// Counts a code that is about to be sent, even if no provider accepts it.
///
/// # Errors
/// When the destination or the user has reached the limit.
pub(super) async fn count(
    pool: &PgPool,
    destination: &str,
    user: Id<User>,
    at: DateTime<Utc>,
) -> Result<(), VerificationError> {
    let mut transaction = pool.begin().await?;
    sqlx::query("lock table identity.codes_sent in share row exclusive mode")
        .execute(&mut *transaction)
        .await?;
    sqlx::query("delete from identity.codes_sent where sent_at <= $1")
        .bind(at - WINDOW)
        .execute(&mut *transaction)
        .await?;
    let sent: Sent = sqlx::query_as(
        "select count(*) filter (where destination = $1) as to_destination, \
           min(sent_at) filter (where destination = $1) as first_to_destination, \
           count(*) filter (where user_id = $2) as by_user, \
           min(sent_at) filter (where user_id = $2) as first_by_user \
         from identity.codes_sent where destination = $1 or user_id = $2",
    )
    .bind(destination)
    .bind(user.get())
    .fetch_one(&mut *transaction)
    .await?;
    sent.must_leave_one(at)?;
    sqlx::query(
        "insert into identity.codes_sent (destination, user_id, sent_at) values ($1, $2, $3)",
    )
    .bind(destination)
    .bind(user.get())
    .bind(at)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// Takes back the count of a code that reached no provider.
pub(super) async fn forget(
    pool: &PgPool,
    destination: &str,
    user: Id<User>,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from identity.codes_sent where ctid = (select ctid from identity.codes_sent \
           where destination = $1 and user_id = $2 and sent_at = $3 limit 1)",
    )
    .bind(destination)
    .bind(user.get())
    .bind(at)
    .execute(pool)
    .await
    .map(drop)
}
