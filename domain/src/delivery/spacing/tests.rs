//! Slots on a simulated clock: no behaviour of the workers puts too many starts into a second.

use std::collections::BinaryHeap;

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::delivery::PaceUnit;

const SECOND: u64 = 1_000_000_000;

fn pace(per_second: f64) -> Pace {
    let pace = Pace::said(Some(per_second), None, PaceUnit::Second);
    pace.unwrap().unwrap()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap()
}

/// The slot allocation of the database: a slot is one spacing after the last, and not in the past.
struct Slots(u64);

impl Slots {
    fn take(&mut self, now: u64, spacing: u64) -> u64 {
        self.0 = (self.0 + spacing).max(now);
        self.0
    }
}

/// The start times of several workers that ask one after the other, use each slot up to
/// a tolerance late, miss some of them, fall silent now and then, and start again.
fn starts(random: &mut StdRng, spacing: Spacing, until: u64, troubled: bool) -> Vec<u64> {
    let (spacing, tolerance) = (nanos(spacing.duration()), nanos(spacing.tolerance()));
    let (mut slots, mut now, mut starts) = (Slots(0), SECOND, Vec::new());
    let workers = random.random_range(1..=4);
    let mut free: BinaryHeap<std::cmp::Reverse<u64>> =
        (0..workers).map(|_| std::cmp::Reverse(now)).collect();
    while now < until {
        let Some(std::cmp::Reverse(at)) = free.pop() else {
            break;
        };
        now = now.max(at);
        let slot = slots.take(now, spacing);
        // A worker asks for its next slot at most a second before it is due.
        let mut ready = slot.saturating_sub(random.random_range(0..SECOND)).max(now);
        match random.random_range(0..1_000) {
            0 if troubled => ready += random.random_range(0..20 * SECOND),
            1..=3 if troubled => {}
            _ => starts.push(slot + random.random_range(0..=tolerance)),
        }
        free.push(std::cmp::Reverse(ready));
    }
    starts.sort_unstable();
    starts
}

fn most_in(starts: &[u64], span: u64) -> usize {
    let mut from = 0;
    let counted = starts.iter().enumerate().map(|(to, at)| {
        while starts[from] + span <= *at {
            from += 1;
        }
        to - from + 1
    });
    counted.max().unwrap_or_default()
}

fn seeded() -> (u64, StdRng) {
    let seed = rand::rng().next_u64();
    println!("seed {seed}");
    (seed, StdRng::seed_from_u64(seed))
}

/// Rates of every size, integers and fractions.
fn rates(random: &mut StdRng) -> Vec<f64> {
    let mut rates = vec![
        0.001, 0.1, 0.999, 1.0, 1.001, 2.0, 10.0, 49.0, 51.0, 333.333, 2_500.0,
    ];
    rates.extend((0..12).map(|_| 10_f64.powf(random.random_range(-1.0..3.5))));
    rates
}

#[test]
fn no_second_holds_more_than_the_pace_and_one() {
    let (seed, mut random) = seeded();
    for rate in rates(&mut random) {
        let spacing = Spacing::of_pace(pace(rate));
        let until = (2_000.0 / rate).clamp(30.0, 20_000.0) as u64 * SECOND;
        let starts = starts(&mut random, spacing, until, true);
        let most = most_in(&starts, SECOND);
        assert!(
            most <= rate.ceil() as usize + 1,
            "seed {seed}, {rate}: {most}"
        );
    }
}

#[test]
fn no_second_holds_more_than_the_limit() {
    let (seed, mut random) = seeded();
    for limit in [1, 2, 3, 7, 50, 1_000, 5_000] {
        let spacing = Spacing::of_limit(limit);
        let until = (2_000 / u64::from(limit)).max(30) * SECOND;
        let starts = starts(&mut random, spacing, until, true);
        let most = most_in(&starts, SECOND);
        assert!(most <= limit as usize, "seed {seed}, {limit}: {most}");
    }
}

#[test]
fn any_ten_seconds_hold_the_pace_within_five_per_cent_or_one() {
    let (seed, mut random) = seeded();
    for rate in rates(&mut random) {
        let spacing = Spacing::of_pace(pace(rate));
        let until = (2_000.0 / rate).clamp(30.0, 20_000.0) as u64 * SECOND;
        let starts = starts(&mut random, spacing, until, false);
        let due = rate * 10.0;
        let mut from = SECOND;
        while from + 10 * SECOND < until {
            let within = |at: &&u64| (from..from + 10 * SECOND).contains(*at);
            let count = starts.iter().filter(within).count() as f64;
            // The count is an integer, the expected number need not be.
            let off = (0.05 * due).max(1.0);
            let fits = (due - off).floor() <= count && count <= (due + off).ceil();
            assert!(fits, "seed {seed}, {rate}: {count} from {from}");
            from += random.random_range(SECOND..5 * SECOND);
        }
    }
}

#[test]
fn a_slow_pace_is_its_own_spacing_and_a_limit_leaves_room_for_the_tolerance() {
    let spacing = |spacing: Spacing| spacing.duration().as_secs_f64();
    assert_eq!(spacing(Spacing::of_pace(pace(0.001))), 1_000.0);
    assert_eq!(spacing(Spacing::of_pace(pace(10.0))), 0.1);
    assert_eq!(spacing(Spacing::of_limit(1)), 1.02);
    assert_eq!(spacing(Spacing::of_limit(100)), 0.010_2);
    assert_eq!(Spacing::of_limit(0), Spacing::of_limit(1));
}

#[test]
fn a_slow_pace_forgives_more_than_a_fast_one() {
    let late = |spacing: Spacing| spacing.tolerance().as_millis();
    assert_eq!(late(Spacing::of_pace(pace(0.1))), 100);
    assert_eq!(late(Spacing::of_pace(pace(20.0))), 50);
    assert_eq!(late(Spacing::of_pace(pace(1_000.0))), 20);
    assert_eq!(late(Spacing::of_limit(5)), 20);
}
