//! Records the outcomes of accepted attempts as message centres report them.

mod gathered;

use std::collections::HashSet;

use commands::{CommandError, Commands};
use domain::{
    Id,
    delivery::{
        Outcome, Provider, Retry, Spool, SpoolReport, Transmission, TransmissionCommand,
        TransmissionError,
    },
};
use eventstore::{Metadata, clock};

pub use self::gathered::Gathered;

/// The attempt that a report is about, and the provider that it was made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The provider that reports.
    pub provider: Id<Provider>,
    /// The transmission that the attempt belongs to.
    pub transmission: Id<Transmission>,
    /// The attempt.
    pub spool: Id<Spool>,
}

/// The content of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedOutcome {
    /// The outcome of the attempt.
    pub outcome: Outcome,
    /// The message centre's text.
    pub words: String,
}

/// The result of recording a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// The report is on record, or said nothing new.
    Yes,
    /// There is no such attempt.
    NoSuch,
    /// The attempt has not been on the wire.
    TooEarly,
}

/// Records reports.
#[derive(Clone, Debug)]
pub struct Reports {
    commands: Commands,
    retry_base_seconds: u32,
}

impl Reports {
    /// `retry_base_seconds` is the first pause before an attempt is repeated.
    pub fn new(commands: Commands, retry_base_seconds: u32) -> Self {
        Self {
            commands,
            retry_base_seconds,
        }
    }

    /// Records reports together. A transmission that has ended already stays as it is.
    ///
    /// # Errors
    /// If the log does not answer; the reports can be recorded again.
    pub async fn record(
        &self,
        reports: Vec<(About, ReportedOutcome)>,
    ) -> Result<Vec<Noted>, CommandError> {
        let mut noted = Vec::with_capacity(reports.len());
        let mut rest = reports.into_iter().peekable();
        while rest.peek().is_some() {
            // One batch has at most one command for each transmission.
            let mut told = HashSet::new();
            let mut commands = Vec::new();
            while let Some((about, said)) =
                rest.next_if(|(about, _)| told.insert(about.transmission))
            {
                commands.push((about.transmission, self.command(about, said).await?));
            }
            let metadata = Metadata::of_reaction("delivery reports");
            let answers = self
                .commands
                .send_many(commands, &metadata, Vec::new())
                .await?;
            noted.extend(answers.iter().map(|answer| match answer {
                Ok(_) | Err(TransmissionError::AlreadyEnded) => Noted::Yes,
                Err(TransmissionError::NoSuchSpool | TransmissionError::Refused(_)) => {
                    Noted::NoSuch
                }
                Err(_) => Noted::TooEarly,
            }));
        }
        Ok(noted)
    }

    async fn command(
        &self,
        about: About,
        said: ReportedOutcome,
    ) -> Result<TransmissionCommand, CommandError> {
        let retry = match said.outcome {
            Outcome::Unanswered => Some(Retry {
                spool: self.commands.next_id("spool").await?,
                base_seconds: self.retry_base_seconds,
                jitter: rand::random(),
                elsewhere: false,
            }),
            _ => None,
        };
        Ok(TransmissionCommand::Report {
            report: SpoolReport {
                spool: about.spool,
                provider: Some(about.provider),
                at: clock::now(),
                connected_at: None,
                outcome: said.outcome,
                response: said.words,
                results: Vec::new(),
                parts: 0,
            },
            retry,
        })
    }
}
