//! Picks the provider of an attempt: one with a free permit that may send as its account.

use std::sync::atomic::Ordering;

use domain::{
    delivery::{ProviderSenders, SenderAddress},
    flow::Service,
};
use eventstore::{StoreError, clock};
use projections::delivery::providers;
use tokio::time::Instant;

use super::{
    NO_PROVIDER_PAUSE,
    attempt::{Attempt, QueueAction},
    content::Senders,
    suppression_check::FRESH,
};
use crate::{
    Channel,
    registry::{Place, Trial},
};

impl Attempt {
    /// The senders that the attempt's account names now: as read with its batch, unless an
    /// account or a user has changed since.
    pub(super) async fn senders(&self) -> Result<Senders, StoreError> {
        let store = self.shared.commands.store();
        if self.people.is_current(store.log(), FRESH) {
            return Ok(self.senders_as_claimed());
        }
        let people = self.shared.contents.people(&[&self.transmission]).await?;
        let terms = (self.shared.config.addresses, clock::now());
        Ok(people.senders(&self.transmission, terms))
    }

    /// The senders as read with the attempt's batch.
    pub(super) fn senders_as_claimed(&self) -> Senders {
        let terms = (self.shared.config.addresses, clock::now());
        self.people.senders(&self.transmission, terms)
    }

    /// True if the account still names the sender that the message was made for, by the same
    /// right. False if that cannot be looked up.
    pub(super) async fn still_sends_as(
        &self,
        service: Service,
        sender: Option<&SenderAddress>,
    ) -> bool {
        match self.senders().await {
            Ok(now) => now.for_service(service) == sender,
            Err(error) => {
                tracing::warn!(spool.id = self.job.spool_id, %error, "a sender cannot be checked");
                false
            }
        }
    }

    /// Picks a provider and waits for its permit. The attempt has not started yet, and goes back
    /// to the queue when the worker stops, or if all that could send it have as many waiting as
    /// they may: then others are claimed in its place.
    pub(super) async fn channel(
        &self,
        service: Service,
        senders: &Senders,
    ) -> Result<(Channel, Trial, Place), QueueAction> {
        let sender = senders.for_service(service);
        let stopping = &self.shared.stopping;
        loop {
            let (channel, trial) = match self.pick(service, sender) {
                Ok(picked) => picked,
                Err(None) => return Err(self.no_provider(service, sender).await),
                Err(Some(until)) => {
                    return Err(self.back_in(until.saturating_duration_since(Instant::now())));
                }
            };
            let permit = tokio::select! {
                permit = channel.permit(service, self.is_bulk()) => permit,
                () = stopping.cancelled() => return Err(QueueAction::Back(clock::now())),
            };
            if stopping.is_cancelled() {
                return Err(QueueAction::Back(clock::now()));
            }
            // Its circuit may have opened since: then another provider is picked.
            if trial.stands() {
                return Ok((channel, trial, permit));
            }
        }
    }

    fn pick(
        &self,
        service: Service,
        sender: Option<&SenderAddress>,
    ) -> Result<(Channel, Trial), Option<Instant>> {
        let shared = self.shared.as_ref();
        let lane = (service, self.is_bulk());
        let picked = shared
            .registry
            .pick(self.tenant(), lane, sender, &self.job.avoid)?;
        if shared.undecided.swap(false, Ordering::Relaxed) {
            shared.freed.notify_one();
        }
        Ok(picked)
    }

    /// Handles an attempt that no provider here can send: it waits for one, or is rejected if
    /// there are providers and none of them may send as its account.
    async fn no_provider(&self, service: Service, sender: Option<&SenderAddress>) -> QueueAction {
        let later = QueueAction::Back(clock::now() + NO_PROVIDER_PAUSE);
        let Some(reason) = self.shared.registry.refusal(self.tenant(), service, sender) else {
            return later;
        };
        // The client may know a provider that this process does not know yet.
        let known = providers::senders(&self.shared.pool, service, self.tenant()).await;
        let refuse = |all: &Vec<ProviderSenders>| {
            !all.is_empty() && all.iter().all(|it| it.check(sender).is_err())
        };
        if known.is_ok_and(|all| refuse(&all)) {
            self.reject(reason).await
        } else {
            later
        }
    }
}
