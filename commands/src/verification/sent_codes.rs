//! Limits on the codes that are sent: per destination and per user, within a day.
//!
//! They are counted in `identity.codes_sent` and not in the log: a code that was sent to an
//! address changes nothing of an account.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Id, access::User};
use sqlx::PgPool;

use super::VerificationError;

/// Codes that go to one destination within [`WINDOW`].
const PER_DESTINATION: i64 = 3;
/// Codes that one user has sent within [`WINDOW`].
const PER_USER: i64 = 20;
const WINDOW: TimeDelta = TimeDelta::days(1);

/// Counts a code that is about to be sent, whether a provider takes it or not.
///
/// # Errors
/// When the destination or the user has had all codes of the day.
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
    let (to_destination, by_user, oldest): (i64, i64, Option<DateTime<Utc>>) = sqlx::query_as(
        "select count(*) filter (where destination = $1), count(*) filter (where user_id = $2), \
           min(sent_at) \
         from identity.codes_sent where destination = $1 or user_id = $2",
    )
    .bind(destination)
    .bind(user.get())
    .fetch_one(&mut *transaction)
    .await?;
    if to_destination >= PER_DESTINATION || by_user >= PER_USER {
        let retry_after = oldest.map_or(WINDOW, |oldest| oldest + WINDOW - at);
        return Err(VerificationError::TooMany { retry_after });
    }
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
