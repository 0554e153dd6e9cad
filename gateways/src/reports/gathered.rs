//! Batches reports that arrive one by one, each in a request of its own, to record them
//! together.

use batching::{Batcher, Bounds, Handler};

use super::{About, Noted, ReportedOutcome, Reports};

/// Limits on the reports that are recorded together, and on those that wait.
const BOUNDS: Bounds = Bounds {
    batch: 500,
    waiting: 500,
};

/// A handle to the task that records single reports in batches. Clones share the task.
#[derive(Clone, Debug)]
pub struct Gathered(Batcher<(About, ReportedOutcome), Noted>);

struct Recorder(Reports);

impl Gathered {
    /// Starts the task; it runs until the last clone is dropped.
    pub fn start(reports: Reports) -> Self {
        Self(Batcher::start(BOUNDS, Recorder(reports)))
    }

    /// Records a report; `None` if that is not possible now.
    pub async fn record(&self, about: About, said: ReportedOutcome) -> Option<Noted> {
        self.0.ask((about, said)).await
    }
}

impl Handler for Recorder {
    type Request = (About, ReportedOutcome);
    type Answer = Noted;
    const NAME: &'static str = "delivery reports";

    async fn handle(&mut self, reports: Vec<Self::Request>) -> Vec<Noted> {
        // The waiting requests are answered 503, and the providers send them again.
        self.0.record(reports).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "reports could not be recorded");
            Vec::new()
        })
    }
}
