//! Attempts that are still on the wire when the worker ends.

use domain::{
    Id,
    delivery::{Transmission, TransmissionCommand},
};
use eventstore::{Metadata, clock};
use tokio::time::timeout;

use super::{LAST_RECORDS, Shared};

/// Gives up the attempts in flight, and records the outcome of those that had started as unknown.
/// An attempt whose end cannot be recorded in time keeps its lease; the worker that claims it next
/// records it.
pub(super) async fn give_up(shared: &Shared) {
    let left = shared.leases.in_flight();
    tracing::warn!(
        worker.left = left.len(),
        "attempts were still on the wire at the end"
    );
    shared.aborted.cancel();
    let mark = |(spool, transmission): (i64, i64)| {
        let command = TransmissionCommand::MarkOutcomeUnknown {
            spool: Id::new(spool),
            at: clock::now(),
            reason: "the server was stopped before it ended".to_owned(),
        };
        (Id::<Transmission>::new(transmission), command)
    };
    let commands = left.into_iter().map(mark).collect();
    let metadata = Metadata::of_reaction("worker");
    let marked = shared.commands.send_many(commands, &metadata, Vec::new());
    match timeout(LAST_RECORDS, marked).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the ends of attempts are not on record"),
        Err(_) => tracing::warn!("the ends of attempts could not be recorded in time"),
    }
}
