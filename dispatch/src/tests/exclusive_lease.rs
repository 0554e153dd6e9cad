//! A lease that two workers apply for.

use std::time::Duration;

use tokio::time::timeout;

use super::{LONG, ScratchLog};
use crate::exclusive_lease::{ExclusiveLease, Tenure};

const TERM: Duration = Duration::from_millis(1_500);

fn lease(log: &ScratchLog) -> ExclusiveLease {
    ExclusiveLease::new(log.pool.clone(), "test/1".to_owned()).lasting(TERM)
}

async fn begins(tenure: &mut Tenure) {
    timeout(LONG, tenure.begins()).await.expect("it begins");
}

async fn is_held(tenure: &mut Tenure) -> bool {
    timeout(Duration::ZERO, tenure.begins()).await.is_ok()
}

#[tokio::test]
async fn one_of_two_holds_it_and_the_other_follows_when_it_is_given_back() {
    let log = ScratchLog::open().await;
    let mut one = lease(&log).apply();
    begins(&mut one).await;
    let mut other = lease(&log).apply();
    // Several renewals, during which the other asks as often.
    tokio::time::sleep(TERM * 2).await;
    assert!(is_held(&mut one).await && !is_held(&mut other).await);
    drop(one);
    begins(&mut other).await;
    log.close().await;
}

#[tokio::test]
async fn one_whose_holder_is_gone_is_taken_over_when_it_has_run_out() {
    let log = ScratchLog::open().await;
    sqlx::query(
        "insert into dispatch.exclusive_leases values ('test/1', 'gone', clock_timestamp() + $1)",
    )
    .bind(TERM)
    .execute(&log.pool)
    .await
    .unwrap();
    let mut next = lease(&log).apply();
    begins(&mut next).await;
    let left = "select extract(epoch from until - clock_timestamp())::float8 \
                from dispatch.exclusive_leases where holder <> 'gone'";
    let left: f64 = sqlx::query_scalar(left).fetch_one(&log.pool).await.unwrap();
    assert!(left <= TERM.as_secs_f64(), "{left}");
    log.close().await;
}

#[tokio::test]
async fn one_that_another_has_taken_is_lost() {
    let log = ScratchLog::open().await;
    let mut tenure = lease(&log).apply();
    begins(&mut tenure).await;
    // As after a stop of the process that outlasted the lease.
    sqlx::query("update dispatch.exclusive_leases set holder = 'another', until = until + $1")
        .bind(LONG)
        .execute(&log.pool)
        .await
        .unwrap();
    timeout(LONG, tenure.ends()).await.expect("it ends");
    log.close().await;
}
