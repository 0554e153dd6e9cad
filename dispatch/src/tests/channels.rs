//! A provider's channels, shared by several workers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::ScratchLog;
use crate::channels::{Ask, ask, give_back};

const LEASE: Duration = Duration::from_secs(3_600);

fn asked(held: u32, wanted: u32) -> Ask {
    Ask {
        provider_id: 1,
        limit: 10,
        held,
        wanted,
    }
}

#[tokio::test]
async fn a_worker_gives_back_what_another_wants() {
    let scratch = ScratchLog::open().await;
    let at = async |worker, held, wanted| {
        let answer = ask(&scratch.pool, worker, asked(held, wanted), LEASE);
        answer.await.unwrap()
    };
    assert_eq!(at("a", 0, 30).await, 10, "alone");
    assert_eq!(at("b", 0, 30).await, 0, "nothing is free");
    assert_eq!(at("a", 10, 30).await, 5, "as there is another");
    assert_eq!(at("b", 0, 30).await, 0, "they may still be under way");
    assert_eq!(at("a", 7, 30).await, 5);
    assert_eq!(at("b", 0, 30).await, 3);
    assert_eq!(at("a", 5, 30).await, 5);
    assert_eq!(at("b", 3, 30).await, 5);
    assert_eq!(at("a", 5, 0).await, 0);
    assert_eq!(at("a", 0, 0).await, 0);
    assert_eq!(at("b", 5, 30).await, 10);
    give_back(&scratch.pool, "b").await.unwrap();
    assert_eq!(at("a", 0, 4).await, 4);
    scratch.close().await;
}

#[tokio::test]
async fn claims_of_a_dead_worker_end_with_its_lease() {
    let scratch = ScratchLog::open().await;
    let short = Duration::from_millis(300);
    let at = async |worker, held, lease| {
        let answer = ask(&scratch.pool, worker, asked(held, 9), lease);
        answer.await.unwrap()
    };
    assert_eq!(at("dead", 0, LEASE).await, 9);
    assert_eq!(at("b", 0, LEASE).await, 1);
    // The last request of this worker.
    at("dead", 9, short).await;
    tokio::time::sleep(short + Duration::from_millis(50)).await;
    assert_eq!(at("b", 1, LEASE).await, 9);
    scratch.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn together_they_never_hold_more_than_the_limit() {
    let scratch = ScratchLog::open().await;
    let seed = rand::random();
    println!("seed {seed}");
    let held: Arc<Mutex<HashMap<u64, u32>>> = Arc::default();
    let workers = (0..5_u64).map(|worker| {
        let (pool, held) = (scratch.pool.clone(), Arc::clone(&held));
        let mut random = StdRng::seed_from_u64(u64::wrapping_add(seed, worker));
        tokio::spawn(async move {
            let mut size = 0;
            for _ in 0..60 {
                let wanted = random.random_range(0..12);
                let name = format!("w{worker}");
                let granted = ask(&pool, &name, asked(size, wanted), LEASE).await.unwrap();
                // The worker uses new channels only after the answer, and frees some of them late.
                size = if granted < size {
                    random.random_range(granted..=size)
                } else {
                    granted
                };
                let sum: u32 = {
                    let mut held = held.lock().unwrap();
                    held.insert(worker, size);
                    held.values().sum()
                };
                assert!(sum <= 10, "seed {seed}: {sum}");
                let pause = random.random_range(0..10);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        })
    });
    for worker in join_all(workers).await {
        worker.unwrap();
    }
    scratch.close().await;
}
