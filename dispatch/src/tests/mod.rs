//! Tests on a real Postgres, with events appended to a real log.

mod channels;
mod exclusive_lease;
mod queueing;
mod slots;

use std::{sync::Arc, time::Duration};

use eventstore::subscriber::Subscriber;
use testkit::{Following, ScratchLog};

use crate::{WorkSignal, queue::Feed};

/// Time limit of a wait, enough for a busy machine.
const LONG: Duration = Duration::from_secs(180);

/// Feeds the queue from the log, and signals its work.
fn run(log: &ScratchLog) -> (Following, WorkSignal) {
    let signal = WorkSignal::new(log.log());
    let feed: Arc<dyn Subscriber> = Arc::new(Feed(signal.clone()));
    (Following::start(log.log(), vec![feed], 1), signal)
}
