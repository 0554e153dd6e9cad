//! Idempotency keys in the database: their claims, their marks and their answers.

use std::time::Duration;

use backoff::Backoff;
use domain::{Id, access::User};
use eventstore::{StoreError, Vault};
use hmac::KeyInit;
use sqlx::PgPool;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{IdempotentRequest, fingerprint::Hasher, kept::Kept};
use crate::{Error, Result};

/// The time after which an attempt that does not renew its lease counts as dead.
pub(super) const LEASE: Duration = Duration::from_secs(6);
/// The time for which a key is remembered, as a Postgres interval.
const REMEMBERED: &str = "24 hours";
/// The number of keys that are forgotten at a time.
const SWEEP: i64 = 10_000;
/// The pauses between looks at a request that another attempt is carrying out.
const LOOKS: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(250));

/// The keys of all users. Each process has one.
pub(crate) struct Claims {
    pool: PgPool,
    vault: Vault,
    fingerprints: Zeroizing<Vec<u8>>,
}

/// The right to carry out a request.
pub(super) struct Claim {
    token: String,
    user: Id<User>,
    key: String,
}

/// The result of claiming a key.
pub(super) enum Found {
    /// A free key: this attempt carries out the request.
    Free(Claim),
    /// The kept answer, and the fingerprint of its request.
    Answered { fingerprint: Vec<u8>, kept: Kept },
    /// Events, but no answer any more: the request was carried out by an attempt that did not live
    /// to answer.
    Lost {
        fingerprint: Option<Vec<u8>>,
        recipe: Option<String>,
    },
}

#[derive(sqlx::FromRow)]
struct Row {
    token: String,
    alive: bool,
    expired: bool,
    marked: bool,
    mark_fingerprint: Option<Vec<u8>>,
    mark_answer: Option<String>,
    fingerprint: Option<Vec<u8>>,
    sealed: Option<String>,
}

impl Claims {
    /// The keys in this database; `fingerprints` is the key of the hashes that tell requests apart.
    pub fn new(pool: PgPool, vault: Vault, fingerprints: Zeroizing<Vec<u8>>) -> Self {
        Self {
            pool,
            vault,
            fingerprints,
        }
    }

    pub(super) fn hasher(&self) -> Hasher {
        Hasher::new_from_slice(&self.fingerprints)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
    }

    /// Claims a key, or waits for the attempt that has it and returns the result of that.
    pub(super) async fn claim(
        &self,
        user: Id<User>,
        key: &str,
        attempt: &IdempotentRequest,
        timeout: Duration,
    ) -> Result<Found> {
        let claim = || {
            Found::Free(Claim {
                token: attempt.token().to_owned(),
                user,
                key: key.to_owned(),
            })
        };
        let give_up = Instant::now() + timeout;
        let mut backoff = LOOKS;
        loop {
            if self.insert(user, key, attempt).await? {
                return Ok(claim());
            }
            // Gone meanwhile: the attempt that had the key released it.
            let Some(row) = self.look(user, key).await? else {
                continue;
            };
            if row.expired {
                self.forget(user, key, &row.token).await?;
                continue;
            }
            if let (Some(fingerprint), Some(sealed)) = (row.fingerprint, row.sealed) {
                let kept = Kept::open(&self.vault, &row.token, sealed)?;
                return Ok(Found::Answered { fingerprint, kept });
            }
            if !row.alive {
                if row.marked {
                    return Ok(Found::Lost {
                        fingerprint: row.mark_fingerprint,
                        recipe: row.mark_answer,
                    });
                }
                if self.take_over(user, key, &row.token, attempt).await? {
                    return Ok(claim());
                }
                continue;
            }
            if Instant::now() + backoff.upcoming() > give_up {
                return Err(Error::Unavailable(
                    "another request with this Idempotency-Key is being carried out",
                ));
            }
            tokio::time::sleep(backoff.take()).await;
        }
    }

    async fn insert(&self, user: Id<User>, key: &str, attempt: &IdempotentRequest) -> Result<bool> {
        let inserted = sqlx::query(
            "insert into once.requests (user_id, key, token, lease_until, expires_at) \
             values ($1, $2, $3::uuid, now() + $4::float8 * interval '1 s', \
               now() + $5::interval) \
             on conflict do nothing",
        )
        .bind(user.get())
        .bind(key)
        .bind(attempt.token())
        .bind(LEASE.as_secs_f64())
        .bind(REMEMBERED)
        .execute(&self.pool)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }

    async fn look(&self, user: Id<User>, key: &str) -> Result<Option<Row>> {
        // Of several marks the one with an answer counts.
        let row = sqlx::query_as(
            "select replace(r.token::text, '-', '') as token, r.lease_until > now() as alive, \
               r.expires_at <= now() as expired, m.token is not null as marked, \
               m.fingerprint as mark_fingerprint, m.answer as mark_answer, \
               a.fingerprint, a.sealed \
             from once.requests r left join once.answers a on a.token = r.token \
             left join lateral (select * from once.marks m where m.token = r.token \
               order by m.answer is null, m.fingerprint is null limit 1) m on true \
             where r.user_id = $1 and r.key = $2",
        )
        .bind(user.get())
        .bind(key)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row)
    }

    /// Takes over the key of a dead attempt. An attempt that has marks by now keeps the key,
    /// whatever was seen before.
    async fn take_over(
        &self,
        user: Id<User>,
        key: &str,
        from: &str,
        attempt: &IdempotentRequest,
    ) -> Result<bool> {
        let taken = sqlx::query(
            "update once.requests r set token = $4::uuid, \
               lease_until = now() + $5::float8 * interval '1 s' \
             where r.user_id = $1 and r.key = $2 and r.token = $3::uuid \
               and r.lease_until <= now() \
               and not exists (select from once.marks m where m.token = r.token) \
               and not exists (select from once.answers a where a.token = r.token)",
        )
        .bind(user.get())
        .bind(key)
        .bind(from)
        .bind(attempt.token())
        .bind(LEASE.as_secs_f64())
        .execute(&self.pool)
        .await;
        match taken {
            Ok(taken) => Ok(taken.rows_affected() == 1),
            // A mark was written in between.
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn prolong(&self, claim: &Claim) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update once.requests set lease_until = now() + $4::float8 * interval '1 s' \
             where user_id = $1 and key = $2 and token = $3::uuid",
        )
        .bind(claim.user.get())
        .bind(&claim.key)
        .bind(&claim.token)
        .bind(LEASE.as_secs_f64())
        .execute(&self.pool)
        .await
        .map(drop)
    }

    /// Keeps an answer; false if another attempt has taken over, or the person shown in the answer
    /// was erased meanwhile.
    pub(super) async fn keep(
        &self,
        claim: &Claim,
        fingerprint: &[u8],
        kept: &Kept,
    ) -> Result<bool, StoreError> {
        let stored = sqlx::query(
            "insert into once.answers (token, subject, fingerprint, sealed) \
             values ($1::uuid, $2, $3, $4)",
        )
        .bind(&claim.token)
        .bind(kept.subject())
        .bind(fingerprint)
        .bind(kept.seal(&self.vault, &claim.token)?)
        .execute(&self.pool)
        .await;
        match stored {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Releases the key for the next attempt; if events were appended, only the lease ends.
    pub(super) async fn release(&self, claim: &Claim) {
        let released = async {
            let deleted = sqlx::query(
                "delete from once.requests r \
                 where r.user_id = $1 and r.key = $2 and r.token = $3::uuid \
                   and not exists (select from once.marks m where m.token = r.token)",
            )
            .bind(claim.user.get())
            .bind(&claim.key)
            .bind(&claim.token)
            .execute(&self.pool)
            .await?;
            if deleted.rows_affected() == 0 {
                sqlx::query("update once.requests set lease_until = now() where token = $1::uuid")
                    .bind(&claim.token)
                    .execute(&self.pool)
                    .await?;
            }
            Ok::<_, sqlx::Error>(())
        };
        if let Err(error) = released.await {
            // The lease runs out by itself.
            tracing::warn!(%error, "the claim of an idempotency key could not be released");
        }
    }

    async fn forget(&self, user: Id<User>, key: &str, token: &str) -> Result<()> {
        sqlx::query(
            "delete from once.requests where user_id = $1 and key = $2 and token = $3::uuid \
               and expires_at <= now() and lease_until <= now()",
        )
        .bind(user.get())
        .bind(key)
        .bind(token)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets expired keys.
    pub async fn sweep(&self) -> Result<(), sqlx::Error> {
        loop {
            let swept = sqlx::query(
                "delete from once.requests where (user_id, key) in \
                   (select user_id, key from once.requests \
                    where expires_at <= now() and lease_until <= now() limit $1)",
            )
            .bind(SWEEP)
            .execute(&self.pool)
            .await?;
            if (swept.rows_affected() as i64) < SWEEP {
                return Ok(());
            }
        }
    }
}
