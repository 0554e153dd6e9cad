//! The report time-out: ends accepted attempts whose delivery receipt never arrived.

use std::{sync::Arc, time::Duration};

use commands::CommandError;
use dispatch::queue;
use domain::{
    Id,
    delivery::{Transmission, TransmissionCommand},
};
use eventstore::{Metadata, clock};

use super::Shared;

/// The interval of the search for overdue reports.
const EVERY: Duration = Duration::from_secs(1);
/// The most attempts that are ended together.
const BATCH: i64 = 500;

/// Ends attempts with overdue reports until the worker stops.
pub(super) async fn end_overdue(shared: Arc<Shared>) {
    while !shared.stopping.is_cancelled() {
        let full = match end_some(&shared).await {
            Ok(count) => count >= BATCH as usize,
            Err(error) => {
                tracing::warn!(%error, "attempts without a report stay open");
                false
            }
        };
        let pause = if full { Duration::ZERO } else { EVERY };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shared.stopping.cancelled() => {}
        }
    }
}

/// Ends overdue attempts and returns their number. An attempt whose report arrived at the same
/// moment refuses, and leaves the list as soon as the queue's feed has seen that report.
async fn end_some(shared: &Shared) -> Result<usize, CommandError> {
    let now = clock::now();
    let overdue = queue::overdue_reports(&shared.pool, now, BATCH)
        .await
        .map_err(|error| CommandError::Store(error.into()))?;
    if overdue.is_empty() {
        return Ok(0);
    }
    let time_out = |(spool, transmission): (i64, i64)| {
        let id: Id<Transmission> = Id::new(transmission);
        let spool = Id::new(spool);
        (id, TransmissionCommand::TimeOutReport { spool, at: now })
    };
    let commands = overdue.into_iter().map(time_out).collect();
    let metadata = Metadata::of_reaction("report time-outs");
    let answers = shared
        .commands
        .send_many(commands, &metadata, Vec::new())
        .await?;
    Ok(answers.iter().filter(|answer| answer.is_ok()).count())
}
