//! Tests on a real Postgres, with events appended to a real log.

mod erasure;
mod following;
mod history;
mod importing;
mod plans;
mod reading;
mod rebuilding;
mod scheduling;
mod settling;

use std::time::Duration;

use testkit::{Following, ScratchLog};

use crate::subscribers;

/// Time limit of a wait, enough for a busy machine.
const LONG: Duration = Duration::from_secs(180);

/// Connections for the subscribers of a process.
const LANES: usize = 3;

fn run(log: &ScratchLog) -> Following {
    Following::start(log.log(), subscribers(), LANES)
}
