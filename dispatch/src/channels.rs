//! A provider's concurrency limit, divided among the workers that use it: each worker holds a
//! number of channels under a lease, and together they never hold more than the limit.

use std::time::Duration;

use eventstore::LockName;
use sqlx::PgPool;

/// Period after which the channels that do not divide evenly go to other workers.
const TURN_SECONDS: f64 = 2.0;

/// A worker's request for channels of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The provider.
    pub provider_id: i64,
    /// The provider's limit on attempts at the same time.
    pub limit: u32,
    /// The channels that the worker may use until it has the answer.
    pub held: u32,
    /// The channels that the worker could use.
    pub wanted: u32,
}

/// Requests channels until the lease ends; answers the number that the worker may use from now
/// on. If that is less than it held, the excess stays reserved until a later request says that
/// fewer are held.
pub async fn ask(
    pool: &PgPool,
    worker: &str,
    ask: Ask,
    lease: Duration,
) -> Result<u32, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    LockName::ProviderChannels(ask.provider_id)
        .lock_in_transaction(&mut transaction)
        .await?;
    sqlx::query("delete from dispatch.provider_channels where provider_id = $1 and until < clock_timestamp()")
        .bind(ask.provider_id)
        .execute(&mut *transaction)
        .await?;
    let others: Vec<(String, i32, i32)> = sqlx::query_as(
        "select worker, granted, wanted from dispatch.provider_channels \
         where provider_id = $1 and worker <> $2 order by worker",
    )
    .bind(ask.provider_id)
    .bind(worker)
    .fetch_all(&mut *transaction)
    .await?;
    let turn: i64 =
        sqlx::query_scalar("select floor(extract(epoch from clock_timestamp()) / $1)::bigint")
            .bind(TURN_SECONDS)
            .fetch_one(&mut *transaction)
            .await?;
    let granted = |row: &(String, i32, i32)| row.1.unsigned_abs();
    let taken = others.iter().map(granted).fold(0, u32::saturating_add);
    let mine = others.partition_point(|other| other.0.as_str() < worker);
    let mut wants: Vec<u32> = others.iter().map(|other| other.2.unsigned_abs()).collect();
    wants.insert(mine, ask.wanted);
    let share = shares(ask.limit, &wants, turn.unsigned_abs())[mine];
    let free = ask.limit.saturating_sub(taken).saturating_sub(ask.held);
    let grown = ask.held + share.saturating_sub(ask.held).min(free);
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    if grown == 0 && ask.wanted == 0 {
        sqlx::query(
            "delete from dispatch.provider_channels where provider_id = $1 and worker = $2",
        )
        .bind(ask.provider_id)
        .bind(worker)
        .execute(&mut *transaction)
        .await?;
    } else {
        sqlx::query(
            "insert into dispatch.provider_channels (provider_id, worker, wanted, granted, until) \
             values ($1, $2, $3, $4, clock_timestamp() + $5) \
             on conflict (provider_id, worker) do update set wanted = excluded.wanted, \
               granted = excluded.granted, until = excluded.until",
        )
        .bind(ask.provider_id)
        .bind(worker)
        .bind(number(ask.wanted))
        .bind(number(grown))
        .bind(lease)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(grown.min(share))
}

/// Gives back all channels of a worker that ends.
pub async fn give_back(pool: &PgPool, worker: &str) -> Result<(), sqlx::Error> {
    sqlx::query("delete from dispatch.provider_channels where worker = $1")
        .bind(worker)
        .execute(pool)
        .await
        .map(drop)
}

/// The share of each worker by max-min fairness: none gets more than it wants, nor more than
/// another that wants more. Channels that do not divide evenly go round with `turn`.
fn shares(limit: u32, wants: &[u32], turn: u64) -> Vec<u32> {
    let mut shares = vec![0; wants.len()];
    let mut left = limit;
    loop {
        let short: Vec<usize> = (0..wants.len())
            .filter(|place| shares[*place] < wants[*place])
            .collect();
        let many = u32::try_from(short.len()).unwrap_or(u32::MAX);
        if many == 0 || left == 0 {
            return shares;
        }
        let each = left / many;
        if each == 0 {
            let first = (turn % short.len() as u64) as usize;
            let lucky = short.iter().cycle().skip(first).take(left as usize);
            lucky.for_each(|place| shares[*place] += 1);
            return shares;
        }
        for place in short {
            let more = each.min(wants[place] - shares[place]);
            shares[place] += more;
            left -= more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_gets_what_they_want_while_there_is_enough() {
        assert_eq!(shares(10, &[3, 4], 0), [3, 4]);
        assert_eq!(shares(10, &[], 0), Vec::<u32>::new());
        assert_eq!(shares(10, &[0, 12], 0), [0, 10]);
    }

    #[test]
    fn nobody_gets_more_than_another_who_wants_more() {
        assert_eq!(shares(10, &[2, 50, 50], 0), [2, 4, 4]);
        assert_eq!(shares(12, &[50, 50, 50], 0), [4, 4, 4]);
    }

    #[test]
    fn shares_that_do_not_divide_take_turns() {
        assert_eq!(shares(1, &[5, 5], 0), [1, 0]);
        assert_eq!(shares(1, &[5, 5], 1), [0, 1]);
        assert_eq!(shares(7, &[9, 9, 9], 2), [2, 2, 3]);
    }
}
