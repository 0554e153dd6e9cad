//! Helpers of tests on a simulated clock.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use super::schedule::Zone;
use crate::reference::timezones;

/// A random number generator. Prints its seed, by which a failure can be reproduced.
pub fn random() -> StdRng {
    let given = std::env::var("LEDGERLINE_TEST_SEED").ok();
    let seed = given.map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("LEDGERLINE_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// A random zone of the list.
pub fn random_zone(random: &mut impl Rng) -> Zone {
    let listed = timezones();
    let at = random.random_range(0..listed.len());
    listed[at].name.parse().unwrap()
}
