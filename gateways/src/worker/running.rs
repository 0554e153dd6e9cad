//! The run of an attempt: its content, its provider, its delivery.

use std::time::Duration;

use dispatch::queue;
use domain::{
    Entity, Id,
    delivery::{Outcome, SenderAddress},
    flow::Service,
};
use eventstore::clock;
use tokio::{sync::OnceCell, time::Instant};
use tracing::Instrument;

use super::{
    NO_PROVIDER_PAUSE,
    attempt::{Attempt, QueueAction},
    content::{NoContent, Senders},
    live::Live,
    start::{Start, Started},
};
use crate::{
    Channel, Ended, Report, Spool,
    registry::{Place, Trial},
};

/// The pause before an attempt is repeated for which the adapter had no capacity.
const NO_ROOM_PAUSE: Duration = Duration::from_secs(1);

impl Attempt {
    pub async fn run(self) {
        self.run_as(self.make()).await;
    }

    /// Runs this part of the attempt, and treats its entry in the queue accordingly.
    pub(super) async fn run_as(&self, made: impl Future<Output = QueueAction>) {
        let spool = self.job.spool_id;
        // The span carries the id of the API request, so that the log can be traced back to it.
        let span = tracing::info_span!(
            "attempt",
            request.id = self.job.request_id.as_deref().unwrap_or("-"),
            transmission.id = self.job.transmission_id,
            spool.id = spool,
        );
        let action = tokio::select! {
            action = made.instrument(span) => action,
            // The worker records the end of what is left.
            () = self.shared.aborted.cancelled() => return,
        };
        let back = match action {
            QueueAction::Back(due_at) => {
                self.shared.leases.token(spool).map(|token| (token, due_at))
            }
            QueueAction::Settled | QueueAction::Dropped => None,
        };
        if let Some((token, due_at)) = &back
            && let Err(error) = queue::release(&self.shared.pool, &[spool], token, *due_at).await
        {
            tracing::warn!(spool.id = spool, %error, "an attempt could not be given back");
        }
        if self.shared.leases.has_run_out(spool) {
            tracing::warn!(spool.id = spool, "the lease ran out during the attempt");
        }
        self.shared.leases.drop(spool);
        match back {
            Some(_) => self.shared.returned.notify_one(),
            None => self.shared.freed.notify_one(),
        }
    }

    async fn make(&self) -> QueueAction {
        if self.job.reclaimed
            && let Some(action) = self.mark_outcome_unknown().await
        {
            return action;
        }
        if self.transmission.is_inbound() {
            return self.receive().await;
        }
        let service = Service::from_flag(i32::from(self.job.service));
        if self.is_too_late() {
            return self.too_late(service).await;
        }
        if let Some(action) = self.check_suppression().await {
            return action;
        }
        let Some(service) = service else {
            return QueueAction::Back(clock::now() + NO_PROVIDER_PAUSE);
        };
        let senders = match self.senders().await {
            Ok(senders) => senders,
            Err(error) => return self.not_readable(&error),
        };
        let sender = senders.for_service(service).cloned();
        let (channel, trial, permit) = match self.channel(service, &senders).await {
            Ok(found) => found,
            Err(action) => return action,
        };
        if self.is_too_late() {
            return self.too_late(Some(service)).await;
        }
        let spool = match self.spool(&channel, senders).await {
            Ok(spool) => spool,
            Err(NoContent::Never(reason)) => return self.reject(&reason).await,
            Err(error) => return self.not_readable(&error),
        };
        let sender = (service, sender.as_ref());
        self.deliver((channel, trial, permit), &spool, sender).await
    }

    /// Gives back an attempt whose data cannot be read: it is tried again.
    fn not_readable(&self, error: &dyn std::fmt::Display) -> QueueAction {
        tracing::warn!(spool.id = self.job.spool_id, %error, "the content of an attempt cannot be read and is read again");
        QueueAction::Back(clock::now() + NO_PROVIDER_PAUSE)
    }

    /// Ends an attempt whose deadline passed before it could be sent. The first attempt of a
    /// campaign's message is withdrawn instead while a provider is open: the campaign is faster
    /// than the channels, and sends the message again later.
    async fn too_late(&self, service: Option<Service>) -> QueueAction {
        let is_open = service.is_some_and(|service| self.shared.registry.is_open(service));
        if self.is_bulk() && self.job.attempt == 1 && is_open {
            self.withdraw("no channel was free in time").await
        } else {
            let reason = "its deadline passed before it could be sent";
            self.expire(reason).await
        }
    }

    async fn deliver(
        &self,
        through: (Channel, Trial, Place),
        spool: &Spool,
        sender: (Service, Option<&SenderAddress>),
    ) -> QueueAction {
        // The permit is held until the outcome is on record: a worker that dies leaves no more
        // outcomes unknown than it had permits.
        let (channel, trial, _place) = through;
        let live = Live::default();
        let start = Start {
            attempt: self,
            live: &live,
            channel: &channel,
            trial: &trial,
            sender,
            until: self.starts_until(spool),
            answer: OnceCell::new(),
        };
        let session = channel.gateway.attempt(spool, &start);
        let ended = if spool.content.lasts() {
            live.follow(self, session).await
        } else {
            session.await
        };
        self.conclude(ended, &start, spool.content.parts()).await
    }

    /// Records the end of a session, or gives the attempt back if it did not start.
    pub(super) async fn conclude(
        &self,
        ended: Ended,
        start: &Start<'_>,
        parts: u32,
    ) -> QueueAction {
        let (provider, trial) = (start.channel.provider, start.trial);
        match (ended, start.answer.get()) {
            (Ended::Reported(report), _) => {
                trial.ended(&report);
                metrics::counter!("ledgerline_provider_attempts_total",
                    "provider" => provider.to_string(), "outcome" => report.outcome.as_str())
                .increment(1);
                let told = (start.live.rest(), parts);
                self.report(report, Some(provider), told).await
            }
            (Ended::Accepted(accepted), _) => {
                trial.ended(&Report {
                    outcome: Outcome::Delivered,
                    response: String::new(),
                    connected: true,
                    results: Vec::new(),
                });
                self.accept(accepted, provider, parts).await
            }
            (Ended::NotOurs, Some(Started::ByOther)) => self
                .mark_outcome_unknown()
                .await
                .unwrap_or(QueueAction::Dropped),
            // On record as started, and certain not to have been sent.
            (Ended::NotOurs, Some(Started::TooLate)) => {
                let report = Report {
                    outcome: Outcome::Unavailable,
                    response: "the worker was held up before anything was sent".to_owned(),
                    connected: false,
                    results: Vec::new(),
                };
                self.report(report, Some(provider), Default::default())
                    .await
            }
            // Another provider may have room.
            (Ended::NotOurs, Some(Started::Full(pause))) => {
                let service = Service::from_flag(i32::from(self.job.service));
                let open = service.is_some_and(|it| self.shared.registry.is_open(it));
                self.back_in(if open { Duration::ZERO } else { *pause })
            }
            (Ended::NotOurs, Some(Started::Later(pause))) => self.later(*pause).await,
            (Ended::NotOurs, Some(Started::Suppressed)) => {
                let action = self.check_suppression().await;
                action.unwrap_or_else(|| QueueAction::Back(clock::now()))
            }
            (Ended::NotOurs, _) => QueueAction::Back(clock::now()),
            (Ended::NoRoom, _) => self.back_in(NO_ROOM_PAUSE),
        }
    }

    /// The time until which the attempt waits for its start: a call may last longer than that.
    fn starts_until(&self, spool: &Spool) -> Instant {
        let until = spool.until();
        if spool.content.lasts() {
            until.min(Instant::now() + self.shared.config.attempt)
        } else {
            until
        }
    }

    async fn spool(&self, channel: &Channel, senders: Senders) -> Result<Spool, NoContent> {
        let order = self
            .transmission
            .order()
            .ok_or(NoContent::never("there is no order"))?;
        let assignment = self.transmission.assignment();
        let assignment = assignment.ok_or(NoContent::never("there is nothing to do"))?;
        let destination = assignment.destination;
        let destination = destination.ok_or(NoContent::never("the recipient was erased"))?;
        let owner = self
            .transmission
            .owner()
            .ok_or(NoContent::never("it has no owner"))?;
        let content = self
            .shared
            .contents
            .compose(&self.transmission, &self.people, senders)
            .await?;
        let usual = content.time_limit().unwrap_or(self.shared.config.attempt);
        Ok(Spool {
            id: Id::new(self.job.spool_id),
            transmission: Id::new(self.job.transmission_id),
            owner,
            contact: order.contact_id,
            destination: destination.to_owned(),
            flow: assignment.flow.clone(),
            content,
            bulk: self.is_bulk(),
            deadline: Instant::now() + usual.max(channel.gateway.time_limit()),
        })
    }
}
