//! The start of an attempt: held back as its provider's rate says, then put on record,
//! and only then on the wire.

use std::time::Duration;

use async_trait::async_trait;
use domain::{
    Id,
    delivery::{Spacing, Transmission, TransmissionCommand},
};
use eventstore::clock;
use projections::delivery::queue;
use tokio::{sync::OnceCell, time::Instant};

use super::{attempt::Attempt, gate::Passed};
use crate::{Channel, NotOurs, Progress, Spool, registry::Trial};

/// So long before an attempt would run out of time it stops to wait for its start.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much longer than until the next slot is near a provider is taken to be full, so
/// that several attempts come back at once and not each for itself.
const FULL_PAUSE: Duration = Duration::from_millis(400);

/// What became of the attempt to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Started {
    Now,
    /// It had been started before.
    ByOther,
    /// It is on record, but the lease ran out while that was written.
    TooLate,
    /// It could not be put on record.
    Not,
    /// The provider's rate is used up for so long.
    Full(Duration),
}

/// Puts the start on record when the adapter's connection is ready.
pub(super) struct Start<'a> {
    attempt: &'a Attempt,
    channel: &'a Channel,
    trial: &'a Trial,
    /// When the adapter gives up.
    until: Instant,
    answer: OnceCell<Started>,
}

impl<'a> Start<'a> {
    pub fn of(attempt: &'a Attempt, channel: &'a Channel, trial: &'a Trial, spool: &Spool) -> Self {
        Self {
            attempt,
            channel,
            trial,
            until: spool.until(),
            answer: OnceCell::new(),
        }
    }

    /// What became of it; nothing if the adapter never asked.
    pub fn answer(&self) -> Option<&Started> {
        self.answer.get()
    }

    async fn record(&self) -> Started {
        let Attempt { shared, job, .. } = self.attempt;
        if !shared.leases.is_sound(job.spool_id) && !self.renewed().await {
            return Started::Not;
        }
        if let Some(instead) = self.held_back().await {
            return instead;
        }
        let command = TransmissionCommand::Start {
            spool: self.attempt.id(),
            claim: job.claim_token.clone(),
            provider: self.channel.provider,
            worker: shared.config.name.clone(),
            at: clock::now(),
        };
        let id: Id<Transmission> = Id::new(job.transmission_id);
        let metadata = self.attempt.metadata();
        let answers = shared
            .commands
            .send_many(vec![(id, command)], &metadata, Vec::new())
            .await;
        match answers.map(|answers| answers.into_iter().next()) {
            Ok(Some(Ok(_))) if shared.leases.is_sound(job.spool_id) => Started::Now,
            Ok(Some(Ok(_))) if self.renewed().await => Started::Now,
            Ok(Some(Ok(_))) => Started::TooLate,
            Ok(Some(Err(_))) => Started::ByOther,
            Ok(None) => Started::Not,
            Err(error) => {
                tracing::warn!(spool.id = job.spool_id, %error, "an attempt could not be started");
                // Whether it is on record is not known; the lease will tell.
                Started::TooLate
            }
        }
    }

    /// Waits for the provider's rate; says what the answer is if that does not come to a
    /// start. The lease is renewed meanwhile, like those of all that are in hand.
    async fn held_back(&self) -> Option<Started> {
        let Attempt { shared, job, .. } = self.attempt;
        let limit = self.channel.rate_limit?;
        let key = format!("provider/{}", self.channel.provider);
        let spacing = Spacing::of_limit(limit);
        let bulk = self.attempt.is_bulk();
        let patience = self.until.checked_sub(PATIENCE).unwrap_or(self.until);
        let passed = tokio::select! {
            passed = shared.gate.pass(&key, spacing, bulk) => passed,
            () = tokio::time::sleep_until(patience) => Passed::Later(Duration::ZERO),
            () = shared.stopping.cancelled() => return Some(Started::Not),
        };
        match passed {
            Passed::Now if shared.leases.is_sound(job.spool_id) => None,
            Passed::Now => Some(Started::Not),
            Passed::Later(pause) => {
                self.trial.too_many(Instant::now() + pause + FULL_PAUSE);
                Some(Started::Full(pause))
            }
        }
    }

    async fn renewed(&self) -> bool {
        let Attempt { shared, job, .. } = self.attempt;
        let Some(token) = shared.leases.token(job.spool_id) else {
            return false;
        };
        let until = Instant::now() + shared.config.lease;
        let lease = shared.config.lease;
        let held = queue::renew(&shared.pool, &[job.spool_id], &token, lease).await;
        if let Ok(held) = held {
            shared.leases.renewed(&held, &token, until);
        }
        shared.leases.is_sound(job.spool_id)
    }
}

#[async_trait]
impl Progress for Start<'_> {
    async fn start(&self) -> Result<(), NotOurs> {
        match self.answer.get_or_init(|| self.record()).await {
            Started::Now => {
                self.trial.started();
                Ok(())
            }
            Started::ByOther | Started::TooLate | Started::Not | Started::Full(_) => Err(NotOurs),
        }
    }
}
