//! An attempt's session: its start is put on record, at its pace, when the adapter's connection is
//! ready.

use std::time::Duration;

use async_trait::async_trait;
use dispatch::queue;
use domain::{
    Id,
    delivery::{SenderAddress, SpoolResult, Transmission, TransmissionCommand},
    flow::Service,
};
use eventstore::clock;
use tokio::{sync::OnceCell, time::Instant};

use super::{attempt::Attempt, live::Live};
use crate::{Cancelled, Channel, NotOurs, Session, registry::Trial};

/// The result of starting an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Started {
    Now,
    /// The attempt had been started before.
    ByOther,
    /// The start is on record, or may be, but the lease ran out while that was written or the
    /// append failed.
    TooLate,
    /// The start is not on record: the lease or the deadline ran out, the account's sender
    /// changed, or the worker stops.
    Not,
    /// The provider's rate limit is used up for this time.
    Full(Duration),
    /// The campaign's pace allows no start for this time.
    Later(Duration),
    /// The suppression check forbids the attempt now, or could not be made.
    Suppressed,
}

/// The session of an attempt, as the worker keeps it.
pub(super) struct Start<'a> {
    pub attempt: &'a Attempt,
    pub live: &'a Live,
    pub channel: &'a Channel,
    pub trial: &'a Trial,
    /// The sender that its message was made for.
    pub sender: (Service, Option<&'a SenderAddress>),
    /// The time at which the attempt gives up waiting for its start.
    pub until: Instant,
    pub answer: OnceCell<Started>,
}

impl Start<'_> {
    async fn record(&self) -> Started {
        let Attempt { shared, job, .. } = self.attempt;
        if !shared.leases.is_sound(job.spool_id) && !self.renewed().await {
            return Started::Not;
        }
        // Who calls in keeps no pace.
        let at = if self.attempt.transmission.is_inbound() {
            clock::now()
        } else {
            match self.wait_for_slot().await {
                Ok(at) => at,
                Err(instead) => return instead,
            }
        };
        if self.attempt.is_too_late() {
            return Started::Not;
        }
        let command = TransmissionCommand::Start {
            spool: self.attempt.id(),
            claim: job.claim_token.clone(),
            provider: self.channel.provider,
            worker: shared.config.name.clone(),
            at,
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
                // The start may be on record or not.
                Started::TooLate
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
impl Session for Start<'_> {
    async fn started(&self) -> Result<(), NotOurs> {
        match self.answer.get_or_init(|| self.record()).await {
            Started::Now => {
                self.trial.started();
                Ok(())
            }
            Started::ByOther
            | Started::TooLate
            | Started::Not
            | Started::Full(_)
            | Started::Later(_)
            | Started::Suppressed => Err(NotOurs),
        }
    }

    fn connected(&self) {
        self.live.connected();
    }

    fn result(&self, results: Vec<SpoolResult>) {
        self.live.result(results);
    }

    async fn cancelled(&self) -> Cancelled {
        tokio::select! {
            reason = self.live.cancellation.wait() => *reason,
            () = self.attempt.shared.stopping.cancelled() => Cancelled::Stopping,
        }
    }
}
