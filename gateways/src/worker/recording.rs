//! The records of an attempt: its reports while it lasts, and its end.

use std::time::Duration;

use backoff::Backoff;
use commands::CommandError;
use dispatch::queue;
use domain::{
    Id,
    delivery::{
        Acceptance, Awaited, Outcome, Provider, Retry, SpoolReport, Transmission,
        TransmissionCommand, TransmissionError,
    },
    flow::Service,
};
use eventstore::clock;

use super::{
    attempt::{Attempt, QueueAction},
    live::Told,
};
use crate::{Accepted, Report};

/// The pauses before what must not be lost is tried again while the database does not answer.
const RETRIES: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

impl Attempt {
    /// Marks the outcome of an attempt as unknown that another worker had claimed before and
    /// started. `None` if it was not started: it can be made like a new one.
    pub(super) async fn mark_outcome_unknown(&self) -> Option<QueueAction> {
        let command = TransmissionCommand::MarkOutcomeUnknown {
            spool: self.id(),
            at: clock::now(),
            reason: "the worker that had started it did not report".to_owned(),
        };
        match self.settle(command).await {
            Err(TransmissionError::NotStarted) => None,
            Ok(()) => {
                metrics::counter!("ledgerline_attempts_unknown_total").increment(1);
                Some(QueueAction::Settled)
            }
            Err(_) => Some(self.clear().await),
        }
    }

    pub(super) async fn expire(&self, reason: &str) -> QueueAction {
        let command = TransmissionCommand::Expire {
            spool: self.id(),
            at: clock::now(),
            reason: reason.to_owned(),
        };
        match self.settle(command).await {
            Ok(()) => QueueAction::Settled,
            Err(TransmissionError::AlreadyStarted) => self
                .mark_outcome_unknown()
                .await
                .unwrap_or(QueueAction::Dropped),
            Err(_) => self.clear().await,
        }
    }

    pub(super) async fn reject(&self, reason: &str) -> QueueAction {
        let report = Report {
            outcome: Outcome::Rejected,
            response: reason.to_owned(),
            connected: false,
            results: Vec::new(),
        };
        self.report(report, None, Default::default()).await
    }

    /// Records the end of the attempt, with what a call has `told` and is not on record, and the
    /// number of parts of a message.
    pub(super) async fn report(
        &self,
        report: Report,
        provider: Option<Id<Provider>>,
        (told, parts): (Told, u32),
    ) -> QueueAction {
        let at = told.ended_at.unwrap_or_else(clock::now);
        let outcome = report.outcome;
        metrics::counter!("ledgerline_attempts_total", "outcome" => outcome.as_str()).increment(1);
        tracing::info!(%outcome, "attempted");
        let retry = match outcome {
            Outcome::Unanswered | Outcome::Unavailable => self.retry(provider).await,
            Outcome::Delivered | Outcome::Rejected | Outcome::Unknown => None,
        };
        let command = TransmissionCommand::Report {
            report: SpoolReport {
                spool: self.id(),
                provider,
                at,
                connected_at: told.connected_at.or(report.connected.then_some(at)),
                outcome,
                response: report.response,
                results: told.results.into_iter().chain(report.results).collect(),
                parts,
            },
            retry,
        };
        match self.settle(command).await {
            Ok(()) => QueueAction::Settled,
            Err(_) => self.clear().await,
        }
    }

    /// Records that the provider accepted the message; a delivery receipt or the report time-out
    /// ends the attempt later.
    pub(super) async fn accept(
        &self,
        accepted: Accepted,
        provider: Id<Provider>,
        parts: u32,
    ) -> QueueAction {
        let at = clock::now();
        metrics::counter!("ledgerline_attempts_accepted_total").increment(1);
        tracing::info!("accepted");
        let report_timeout =
            chrono::TimeDelta::from_std(accepted.report_timeout).unwrap_or_default();
        let command = TransmissionCommand::Accept(Acceptance {
            spool: self.id(),
            at,
            awaited: Awaited {
                provider,
                message_id: accepted.message_id,
                until: at + report_timeout,
                if_silent: accepted.if_silent,
                parts,
            },
            results: accepted.results,
        });
        match self.settle(command).await {
            Ok(()) => QueueAction::Settled,
            // The delivery receipt was faster than the response.
            Err(_) => self.clear().await,
        }
    }

    async fn retry(&self, failed: Option<Id<Provider>>) -> Option<Retry> {
        let service = Service::from_flag(i32::from(self.job.service));
        let elsewhere = service.zip(failed).is_some_and(|(service, failed)| {
            let registry = &self.shared.registry;
            let senders = self.senders_as_claimed();
            let wanted = (service, senders.for_service(service));
            registry.elsewhere(self.tenant(), wanted, &self.job.avoid, failed)
        });
        let spool = self
            .persist("a further attempt", || {
                self.shared.commands.next_id("spool")
            })
            .await;
        Some(Retry {
            spool,
            base_seconds: self.shared.config.retry_base_seconds,
            jitter: rand::random(),
            elsewhere,
        })
    }

    /// Puts on record what the attempt has reported so far. An attempt that another worker has
    /// ended meanwhile stays as it is.
    pub(super) async fn progress(&self, command: TransmissionCommand) {
        let id: Id<Transmission> = Id::new(self.job.transmission_id);
        let metadata = self.metadata();
        let bus = &self.shared.commands;
        let send = || bus.send_many(vec![(id, command.clone())], &metadata, Vec::new());
        let answers = self.persist("a report", send).await;
        if let Some(Err(refusal)) = answers.into_iter().next() {
            tracing::warn!(spool.id = self.job.spool_id, %refusal, "a report comes too late");
        }
    }

    /// Sends a command that ends the attempt, and removes its queue entry. The outcome is only
    /// in memory until then, so this is retried until it succeeds.
    pub(super) async fn settle(
        &self,
        command: TransmissionCommand,
    ) -> Result<(), TransmissionError> {
        let id: Id<Transmission> = Id::new(self.job.transmission_id);
        let metadata = self.metadata();
        let bus = &self.shared.commands;
        let send = || bus.send_and_dequeue(id, command.clone(), &metadata, self.job.spool_id);
        self.persist("a report", send).await.map(|_| ())
    }

    async fn persist<T, F>(&self, what: &str, action: impl Fn() -> F) -> T
    where
        F: Future<Output = Result<T, CommandError>>,
    {
        let mut backoff = RETRIES;
        loop {
            match action().await {
                Ok(value) => return value,
                Err(error) => {
                    tracing::warn!(spool.id = self.job.spool_id, %error, "{what} waits");
                    tokio::time::sleep(backoff.take()).await;
                }
            }
        }
    }

    /// Removes the queue entry of an attempt that has ended already.
    pub(super) async fn clear(&self) -> QueueAction {
        let spool = self.job.spool_id;
        let removed = async {
            let mut connection = self.shared.pool.acquire().await?;
            queue::remove(&mut connection, &[spool]).await
        };
        if let Err(error) = removed.await {
            tracing::warn!(spool.id = spool, %error, "a settled attempt stays queued");
        }
        QueueAction::Settled
    }
}
