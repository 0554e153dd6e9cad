//! Slots taken by several workers at once.

use std::time::Duration;

use futures::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::ScratchLog;
use crate::slots::{Slots, Wish, take};

const HORIZON: Duration = Duration::from_secs(1);
/// A duration longer than any test, even on a slow machine.
const HOUR: Duration = Duration::from_secs(3_600);

fn wish(spacing: f64, count: u32) -> Wish {
    Wish {
        spacing: Duration::from_secs_f64(spacing),
        count,
        lead: Duration::ZERO,
        horizon: HORIZON,
    }
}

/// The begin of each slot, in microseconds.
fn begins(slots: Slots, spacing: f64) -> Vec<i64> {
    (0..slots.count)
        .map(|n| slots.first + (n as f64 * spacing * 1e6) as i64)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_of_many_workers_are_as_far_apart_as_those_of_one() {
    let scratch = ScratchLog::open().await;
    let seed = rand::random();
    println!("seed {seed}");
    let spacing = 0.002;
    let workers = (0..8).map(|worker| {
        let pool = scratch.pool.clone();
        let mut random = StdRng::seed_from_u64(u64::wrapping_add(seed, worker));
        tokio::spawn(async move {
            let mut begun = Vec::new();
            for _ in 0..40 {
                let wish = wish(spacing, random.random_range(1..20));
                let slots = take(&pool, "campaign/1", wish).await.unwrap();
                assert!(slots.first >= slots.now, "seed {seed}: {slots:?}");
                begun.extend(begins(slots, spacing));
                let pause = random.random_range(0..20);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            begun
        })
    });
    let mut begun: Vec<i64> = Vec::new();
    for worker in join_all(workers).await {
        begun.extend(worker.unwrap());
    }
    begun.sort_unstable();
    assert!(begun.len() > 300, "seed {seed}: {}", begun.len());
    for pair in begun.windows(2) {
        assert!(pair[1] - pair[0] >= 1_999, "seed {seed}: {pair:?}");
    }
    scratch.close().await;
}

#[tokio::test]
async fn no_more_are_given_than_lie_within_the_horizon_and_none_pile_up() {
    let scratch = ScratchLog::open().await;
    let at = async |key: &str, wish: Wish| take(&scratch.pool, key, wish).await.unwrap();
    let far = |count| Wish {
        horizon: HOUR,
        ..wish(360.0, count)
    };
    let many = at("a", far(100)).await;
    assert_eq!((many.count, many.first - many.now), (11, 0));
    let none = at("a", far(1)).await;
    assert_eq!(none.count, 0);
    let next = many.first + 11 * 360_000_000;
    assert_eq!(none.first, next, "when to come again");
    let other = at("b", wish(0.1, 1)).await;
    assert_eq!(
        (other.count, other.first),
        (1, other.now),
        "another key is free"
    );

    assert!(at("c", wish(0.1, 100)).await.count > 1);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let late = at("c", wish(0.1, 1)).await;
    assert_eq!(
        (late.count, late.first),
        (1, late.now),
        "nothing is caught up with"
    );
    let led = Wish {
        lead: Duration::from_millis(300),
        ..wish(0.1, 1)
    };
    let led = at("d", led).await;
    assert_eq!(led.first - led.now, 300_000);
    scratch.close().await;
}

#[tokio::test]
async fn a_pace_that_changes_holds_from_the_next_slot_on() {
    let scratch = ScratchLog::open().await;
    let at = async |spacing| {
        let wish = Wish {
            horizon: HOUR,
            ..wish(spacing, 1)
        };
        take(&scratch.pool, "c", wish).await.unwrap()
    };
    let slow = at(1e6).await;
    assert_eq!(slow.count, 1);
    assert_eq!(at(1e6).await.count, 0);
    let fast = at(500.0).await;
    assert_eq!((fast.count, fast.first), (1, slow.first + 500_000_000));
    let slower = at(1_000.0).await;
    assert_eq!(slower.first, fast.first + 1_000_000_000);
    scratch.close().await;
}
