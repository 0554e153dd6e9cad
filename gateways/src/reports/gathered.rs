//! Reports that come one by one, each in a request of its own, and are put on record
//! together.

use tokio::sync::{mpsc, oneshot};

use super::{About, Noted, Reports, Said};

/// How many are put on record together at most.
const TOGETHER: usize = 500;

#[derive(Debug)]
struct Told {
    about: About,
    said: Said,
    answer: oneshot::Sender<Noted>,
}

/// A way to put single reports on record. Clones lead to the same place.
#[derive(Clone, Debug)]
pub struct Gathered(mpsc::Sender<Told>);

impl Gathered {
    /// Starts to gather, until the last clone is gone.
    pub fn start(reports: Reports) -> Self {
        let (sender, receiver) = mpsc::channel(TOGETHER);
        tokio::spawn(work(reports, receiver));
        Self(sender)
    }

    /// Puts one on record; nothing if that could not be done now.
    pub async fn record(&self, about: About, said: Said) -> Option<Noted> {
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
                    // Who does not wait any more sends it again.
                    let _ = answer.send(noted);
                }
            }
            // Whoever waits is told to send it again.
            Err(error) => tracing::warn!(%error, "reports could not be recorded"),
        }
    }
}
