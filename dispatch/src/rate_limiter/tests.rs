//! The rate limiters of several workers on one source of slots, on a clock that only the test
//! moves.

use std::collections::HashMap;

use crate::slots::Slots;
use async_trait::async_trait;
use domain::delivery::{Pace, PaceUnit};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{task::JoinSet, time::sleep};

use super::*;

/// An in-memory model of `slots::take` that answers with a delay.
#[derive(Clone)]
struct Memory {
    began: Instant,
    last: Arc<Mutex<HashMap<String, i64>>>,
    slow: Duration,
    takes: Arc<Mutex<usize>>,
    down: Arc<Mutex<bool>>,
}

impl Memory {
    fn new(slow: Duration) -> Self {
        Self {
            began: Instant::now(),
            last: Arc::default(),
            slow,
            takes: Arc::default(),
            down: Arc::default(),
        }
    }

    fn gate(&self) -> RateLimiter {
        RateLimiter::from(Box::new(self.clone()))
    }
}

#[async_trait]
impl Source for Memory {
    async fn take(&self, key: &str, wish: Wish) -> Result<Slots, sqlx::Error> {
        sleep(self.slow / 2).await;
        if *lock(&self.down) {
            return Err(sqlx::Error::PoolTimedOut);
        }
        *lock(&self.takes) += 1;
        let slots = {
            let micros = |time: Duration| time.as_micros() as i64;
            let now = 1_000_000_000 + micros(self.began.elapsed());
            let mut last = lock(&self.last);
            let last = last.entry(key.to_owned()).or_default();
            let spacing = micros(wish.spacing);
            let first = (*last + spacing).max(now + micros(wish.lead));
            let room = now + micros(wish.horizon) - first;
            let count = if room < 0 {
                0
            } else {
                (room / spacing + 1).min(wish.count.into())
            };
            if count > 0 {
                *last = first + (count - 1) * spacing;
            }
            Slots { now, first, count }
        };
        sleep(self.slow / 2).await;
        Ok(slots)
    }
}

fn pace(per_second: f64) -> Spacing {
    let pace = Pace::said(Some(per_second), None, PaceUnit::Second);
    Spacing::of_pace(pace.unwrap().unwrap())
}

/// The starts of several workers that always have more to do, over this time.
async fn starts(
    gates: &[RateLimiter],
    spacing: Spacing,
    time: Duration,
    held: Duration,
) -> Vec<Instant> {
    starts_at(gates, &Arc::new(Mutex::new(spacing)), time, held).await
}

/// As [`starts`], at a spacing that may change: no start uses a slot of a smaller spacing.
async fn starts_at(
    gates: &[RateLimiter],
    spacing: &Arc<Mutex<Spacing>>,
    time: Duration,
    held: Duration,
) -> Vec<Instant> {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let end = Instant::now() + time;
    let mut tasks = JoinSet::new();
    for gate in gates {
        for _ in 0..40 {
            let (gate, starts, spacing) = (gate.clone(), Arc::clone(&starts), Arc::clone(spacing));
            tasks.spawn(async move {
                let mut again = false;
                while Instant::now() < end {
                    let said = *lock(&spacing);
                    match gate.pass_until("campaign/1", said, true, again).await {
                        Ok(slot) if slot.spacing < *lock(&spacing) => {
                            again = true;
                            continue;
                        }
                        Ok(_) => {
                            lock(&starts).push(Instant::now());
                            sleep(held).await;
                        }
                        Err(pause) => sleep(pause).await,
                    }
                    again = false;
                }
            });
        }
    }
    tasks.join_all().await;
    let mut starts = std::mem::take(&mut *lock(&starts));
    starts.retain(|at| *at < end);
    starts.sort();
    starts
}

fn most_in_a_second(starts: &[Instant]) -> usize {
    let within = |first: &Instant| {
        let end = *first + Duration::from_secs(1);
        starts
            .iter()
            .filter(|at| *at >= first && **at < end)
            .count()
    };
    starts.iter().map(within).max().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn three_workers_keep_one_pace() {
    for (rate, most, slow) in [(0.7, 2, 4), (5.0, 6, 0), (60.0, 61, 12), (250.0, 251, 2)] {
        let memory = Memory::new(Duration::from_millis(slow));
        let gates = [memory.gate(), memory.gate(), memory.gate()];
        let time = Duration::from_secs(30);
        let starts = starts(&gates, pace(rate), time, Duration::from_millis(3)).await;
        let second = most_in_a_second(&starts);
        assert!(second <= most, "{rate}: {second}");
        let due = 30.0 * rate;
        let off = (starts.len() as f64 - due).abs();
        assert!(off <= (0.05 * due).max(2.0), "{rate}: {}", starts.len());
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_starts_take_their_slots_together() {
    let memory = Memory::new(Duration::from_millis(2));
    let gate = memory.gate();
    starts(
        std::slice::from_ref(&gate),
        pace(1_000.0),
        Duration::from_secs(10),
        Duration::ZERO,
    )
    .await;
    let takes = *lock(&memory.takes);
    assert!(takes < 2_500, "{takes} for 10,000 starts");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(lock(&gate.0.lines).len(), 0, "an idle key is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_single_send_passes_those_of_campaigns() {
    let gate = Memory::new(Duration::from_millis(2)).gate();
    let bulk = tokio::spawn({
        let gate = gate.clone();
        async move { starts(&[gate], pace(20.0), Duration::from_secs(20), Duration::ZERO).await }
    });
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..20 {
        sleep(Duration::from_millis(random.random_range(200..900))).await;
        let asked = Instant::now();
        assert_eq!(
            gate.pass("campaign/1", pace(20.0), false).await,
            Passed::Now
        );
        let waited = asked.elapsed();
        assert!(
            waited <= Duration::from_millis(60),
            "seed {seed}: {waited:?}"
        );
    }
    let starts = bulk.await.unwrap();
    assert!(most_in_a_second(&starts) <= 21);
}

#[tokio::test(start_paused = true)]
async fn a_distant_slot_is_deferred_and_used_in_time() {
    let gate = Memory::new(Duration::from_millis(2)).gate();
    assert_eq!(gate.pass("a", pace(0.01), true).await, Passed::Now);
    let first = Instant::now();
    let Passed::Later(pause) = gate.pass("a", pace(0.01), true).await else {
        panic!("too soon")
    };
    assert!(
        pause > Duration::from_secs(98) && pause < Duration::from_secs(100),
        "{pause:?}"
    );
    sleep(pause + Duration::from_millis(500)).await;
    assert_eq!(gate.pass("a", pace(0.01), true).await, Passed::Now);
    let apart = first.elapsed();
    assert!(
        apart.as_secs_f64() < 100.03,
        "on time although it was asked late: {apart:?}"
    );
    assert_eq!(
        gate.pass("b", pace(0.01), true).await,
        Passed::Now,
        "another key"
    );
    assert_eq!(
        gate.pass("a", pace(10.0), true).await,
        Passed::Now,
        "a faster pace"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slower_pace_holds_for_slots_that_were_taken_before() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for (fast, slow, most) in [(100.0, 1.0, 2), (250.0, 60.0, 61), (20.0, 0.5, 2)] {
        let memory = Memory::new(Duration::from_millis(2));
        let gates = [memory.gate(), memory.gate()];
        let spacing = Arc::new(Mutex::new(pace(fast)));
        let change = Duration::from_millis(random.random_range(1_500..3_000));
        let changer = tokio::spawn({
            let spacing = Arc::clone(&spacing);
            async move {
                sleep(change).await;
                *lock(&spacing) = pace(slow);
                Instant::now()
            }
        });
        let time = change + Duration::from_secs(10);
        let starts = starts_at(&gates, &spacing, time, Duration::from_millis(3)).await;
        let changed = changer.await.unwrap();
        let after: Vec<_> = starts.iter().copied().filter(|at| *at > changed).collect();
        let second = most_in_a_second(&after);
        assert!(second <= most, "seed {seed}: {second} at {slow}");
        let before = starts.len() - after.len();
        assert!(
            before as f64 > fast * 1.4,
            "seed {seed}: {before} at {fast}"
        );
        let least = (8.0 * slow * 0.95).floor() as usize;
        assert!(
            after.len() >= least,
            "seed {seed}: {} at {slow}",
            after.len()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_waiter_leaves_its_slot() {
    let gate = Memory::new(Duration::from_millis(2)).gate();
    gate.pass("a", pace(2.0), true).await;
    let first = Instant::now();
    {
        let gone = gate.pass("a", pace(2.0), true);
        let _ = tokio::time::timeout(Duration::from_millis(100), gone).await;
    }
    assert_eq!(gate.pass("a", pace(2.0), true).await, Passed::Now);
    assert!(
        first.elapsed() < Duration::from_millis(530),
        "{:?}",
        first.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_database_that_does_not_answer_holds_nobody() {
    let memory = Memory::new(Duration::from_millis(2));
    let gate = memory.gate();
    *lock(&memory.down) = true;
    let passed = gate.pass("a", pace(2.0), true).await;
    assert_eq!(passed, Passed::Later(NO_ANSWER_PAUSE));
    *lock(&memory.down) = false;
    assert_eq!(gate.pass("a", pace(2.0), true).await, Passed::Now);
}
