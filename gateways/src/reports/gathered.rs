//! Batches reports that arrive one by one, each in a request of its own, to record them
//! together.

use tokio::sync::{mpsc, oneshot};

use super::{About, Noted, ReportedOutcome, Reports};

/// The most reports that are recorded together.
const TOGETHER: usize = 500;

#[derive(Debug)]
struct Told {
    about: About,
    said: ReportedOutcome,
    answer: oneshot::Sender<Noted>,
}

/// A handle to the task that records single reports in batches. Clones share the task.
#[derive(Clone, Debug)]
pub struct Gathered(mpsc::Sender<Told>);

impl Gathered {
    /// Starts the task; it runs until the last clone is dropped.
    pub fn start(reports: Reports) -> Self {
        let (sender, receiver) = mpsc::channel(TOGETHER);
        tokio::spawn(work(reports, receiver));
        Self(sender)
    }

    /// Records a report; `None` if that is not possible now.
    pub async fn record(&self, about: About, said: ReportedOutcome) -> Option<Noted> {
        let (answer, answered) = oneshot::channel();
        let told = Told {
            about,
            said,
            answer,
        };
        self.0.send(told).await.ok()?;
        answered.await.ok()
    }
}

async fn work(reports: Reports, mut receiver: mpsc::Receiver<Told>) {
    let mut told = Vec::with_capacity(TOGETHER);
    while receiver.recv_many(&mut told, TOGETHER).await > 0 {
        let (said, answers): (Vec<_>, Vec<_>) = told
            .drain(..)
            .map(|it| ((it.about, it.said), it.answer))
            .unzip();
        match reports.record(said).await {
            Ok(noted) => {
                for (answer, noted) in answers.into_iter().zip(noted) {
                    // A request that has gone is sent again by the provider.
                    let _ = answer.send(noted);
                }
            }
            // The waiting requests are answered 503, and the providers send them again.
            Err(error) => tracing::warn!(%error, "reports could not be recorded"),
        }
    }
}
