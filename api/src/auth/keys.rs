//! Keys that every process of the installation shares.

use domain::values::Sealed;
use eventstore::{StoreError, Vault};
use sqlx::PgPool;
use zeroize::Zeroizing;

/// The installation's key of this name, made if there is none yet.
pub(crate) async fn key(
    pool: &PgPool,
    vault: &Vault,
    name: &str,
) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let context = format!("access_keys.{name}");
    if stored(pool, name).await?.is_none() {
        let mut fresh = Zeroizing::new([0_u8; 32]);
        getrandom::fill(fresh.as_mut())
            .map_err(|_| StoreError::Vault("the system gives no randomness"))?;
        let sealed = vault.seal(&context, fresh.as_ref())?;
        // If several processes start at once, the key of the first one stays.
        sqlx::query(
            "insert into access_keys (name, sealed) values ($1, $2) on conflict do nothing",
        )
        .bind(name)
        .bind(sealed.as_str())
        .execute(pool)
        .await?;
    }
    let sealed = stored(pool, name)
        .await?
        .ok_or(StoreError::Vault("a shared key is missing"))?;
    vault.open(&context, &Sealed::new(sealed))
}

async fn stored(pool: &PgPool, name: &str) -> Result<Option<String>, StoreError> {
    let sql = "select sealed from access_keys where name = $1";
    Ok(sqlx::query_scalar(sql)
        .bind(name)
        .fetch_optional(pool)
        .await?)
}
