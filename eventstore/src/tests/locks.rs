//! Named locks of two processes on one database.

use std::time::Duration;

use tokio::time::timeout;

use super::Scratch;
use crate::LockName;

const NAME: LockName<'static> = LockName::Rebuild("one");
const LONG: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn one_holds_a_lock_until_it_is_given_back() {
    let scratch = Scratch::start().await;
    let (here, there) = (scratch.store().await, scratch.store().await);
    for name in [
        NAME,
        LockName::GroupImport(1 << 40),
        LockName::Policies,
        LockName::Bootstrap,
        LockName::MessageParts("one"),
    ] {
        let lock = here.locks().try_lock(name).await.unwrap().unwrap();
        for other in [&here, &there] {
            assert!(other.locks().try_lock(name).await.unwrap().is_none());
        }
        lock.release().await;
        let lock = there.locks().try_lock(name).await.unwrap().unwrap();
        drop(lock);
        let waited = here.locks().lock_within(name, LONG).await.unwrap();
        assert!(waited.is_some(), "{name:?} is held for ever");
    }
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_lock_has_the_key_that_earlier_versions_take() {
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    for (name, key) in [
        (LockName::Subscriber("a"), "1279607108, hashtext('a')"),
        (LockName::Policies, "1279607108, 1886350441"),
        (LockName::Rebuild("a"), "1380270677, hashtext('a')"),
        (
            LockName::AddressUpgrade,
            "1431324498, hashtext('addresses')",
        ),
        (LockName::GroupImport(7), "1229803599, hashint8(7)"),
        (LockName::Bootstrap, "5497853401"),
        (LockName::Rights, "5497853402"),
        (
            LockName::ProviderChannels(7),
            "hashtextextended('provider_channels', 7)",
        ),
        (LockName::TenantRoom(7), "1380929357, hashint8(7)"),
        (LockName::MessageParts("a"), "hashtextextended('a', 25)"),
    ] {
        let lock = store.locks().try_lock(name).await.unwrap().unwrap();
        let free = format!("select pg_try_advisory_xact_lock({key})");
        let free: bool = sqlx::query_scalar(&free)
            .fetch_one(store.pool())
            .await
            .unwrap();
        assert!(!free, "{name:?} is another lock than {key}");
        lock.release().await;
    }
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_a_transaction_ends_with_it() {
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    let mut transaction = store.pool().begin().await.unwrap();
    NAME.lock_in_transaction(&mut transaction).await.unwrap();
    let mut other = store.pool().acquire().await.unwrap();
    assert!(!NAME.try_lock_in_session(&mut other).await.unwrap());
    transaction.commit().await.unwrap();
    assert!(NAME.try_lock_in_session(&mut other).await.unwrap());
    drop(other);
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_leaves_no_lock_behind() {
    let scratch = Scratch::start().await;
    let (here, there) = (scratch.store().await, scratch.store().await);
    for _ in 0..20 {
        // Dropped at its first wait, when the keeper has the request.
        let _ = timeout(Duration::ZERO, here.locks().try_lock(NAME)).await;
    }
    let lock = there.locks().lock_within(NAME, LONG).await.unwrap();
    assert!(lock.is_some());
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_told_and_the_lock_is_taken_again() {
    let scratch = Scratch::start().await;
    let store = scratch.store().await;
    let lock = store.locks().try_lock(NAME).await.unwrap().unwrap();
    assert!(!lock.is_lost());
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
               where application_name = 'ledgerline locks'";
    sqlx::query(cut).execute(store.pool()).await.unwrap();
    timeout(LONG, lock.lost()).await.expect("it was not told");
    let again = store.locks().try_lock(NAME).await.unwrap().unwrap();
    // The drop of the lost lock must not release this lock.
    lock.release().await;
    assert!(store.locks().try_lock(NAME).await.unwrap().is_none());
    assert!(!again.is_lost());
    scratch.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_end_with_the_pool() {
    let scratch = Scratch::start().await;
    let (here, there) = (scratch.store().await, scratch.store().await);
    let lock = here.locks().try_lock(NAME).await.unwrap().unwrap();
    here.pool().close().await;
    timeout(LONG, lock.lost()).await.expect("it was not told");
    assert!(here.locks().try_lock(NAME).await.is_err());
    let lock = there.locks().lock_within(NAME, LONG).await.unwrap();
    assert!(lock.is_some());
    scratch.stop().await;
}
