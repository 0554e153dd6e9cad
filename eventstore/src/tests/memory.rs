//! The cache of aggregates, and the invalidation of remembered answers.

use cqrs_es::Aggregate as _;
use domain::people::{Channel, OptOut, OptOutCommand, OptOutSource};
use tokio::time::{Instant, sleep};

use super::*;

#[tokio::test]
async fn an_id_that_was_asked_for_before_its_use_is_not_remembered_as_unused() {
    let scratch = Scratch::start().await;
    let (one, other) = (scratch.store().await, scratch.store().await);
    let id: Id<Account> = Id::new(7);
    let unused = one.load_many_cached(&[id]).await.unwrap();
    assert_eq!(unused[&id].0.version, 0);
    carry_out::<Account>(&other, 7, account("ada"), StateSource::Nothing)
        .await
        .unwrap();
    let used = one.load_many_cached(&[id]).await.unwrap();
    assert_eq!((used[&id].0.version, used[&id].1), (1, false));
    let again = one.load_many_cached(&[id]).await.unwrap();
    assert_eq!((again[&id].0.version, again[&id].1), (1, true));
    scratch.stop().await;
}

fn holds(store: &Store, asked_at: Instant, within: Duration) -> bool {
    store.log().is_unchanged(OptOut::TYPE, asked_at, within)
}

#[tokio::test]
async fn what_was_asked_about_opt_outs_holds_until_one_is_added_anywhere() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let scratch = Scratch::start().await;
    let (one, other) = (scratch.store().await, scratch.store().await);
    sleep(Duration::from_millis(2)).await;
    let asked_at = Instant::now();
    append(&one, 1).await.unwrap();
    assert!(holds(&one, asked_at, HOUR));
    assert!(!holds(&one, asked_at, Duration::ZERO));
    let add = OptOutCommand::Add {
        id: Id::new(9),
        owner: domain::Owner::in_first_tenant(Id::new(1)),
        channel: Channel::Sms,
        address: "+15550100".parse().unwrap(),
        fingerprint: one.fingerprint("+15550100"),
        reason: None,
        source: OptOutSource::Stop,
    };
    carry_out::<OptOut>(&one, 9, add, StateSource::Nothing)
        .await
        .unwrap();
    // The process that appends it knows at once; the others once they have seen it.
    assert!(!holds(&one, asked_at, HOUR));
    let heard = async {
        while holds(&other, asked_at, HOUR) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, heard).await.unwrap();
    scratch.stop().await;
}
