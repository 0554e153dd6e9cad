//! The entrance: what comes in by any protocol is handed over here, and answered by what is on
//! record.
//!
//! - [`Entrance::message`]: a message that is whole, as a mail; [`Inbox::sms`]: a short message or a
//!   part of one, which is joined with the others first (`sms`);
//! - [`Sessions::open`]: a call or fax, which goes on in a worker;
//! - [`Inbox::report`]: a delivery receipt;
//! - [`InboundAnswer`]: acknowledged, to be sent again, or refused. An adapter only puts it into the words
//!   of its protocol.

mod answer;
mod parts;
mod receipts;
mod sms;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use commands::{
    CommandError,
    receiving::{
        InboundMessage, InboundSession, IngestResult, NotTaken, OpenResult, Receiving, Sessions,
    },
};
use domain::{Id, Owner, delivery::Provider, flow::Service};
use eventstore::Store;
use tokio_util::sync::CancellationToken;

use self::{parts::Parts, receipts::Receipts, sms::Settled};
use crate::{
    inbox::{InboundSms, Inbox},
    reports::{ReportedOutcome, Reports},
};

pub use self::answer::{InboundAnswer, Rejection, TRY_LATER};

/// The interval of the search for messages whose missing parts do not arrive.
const SWEEP: Duration = Duration::from_secs(10);

/// The worker of this process, which takes sessions as they are opened.
#[async_trait]
pub(crate) trait Host: Send + Sync {
    /// Opens a session through `receiving` and runs it; gives it back if the worker stops or has no
    /// capacity for it.
    async fn open(
        &self,
        receiving: &Receiving,
        session: InboundSession,
    ) -> Result<Result<OpenResult, CommandError>, InboundSession>;
}

/// The entrance for all protocols. Clones share its state.
#[derive(Clone)]
pub struct Entrance(Arc<Inner>);

struct Inner {
    receiving: Receiving,
    receipts: Receipts,
    parts: Parts,
    settled: Settled,
    /// The worker of this process, if it runs one.
    host: OnceLock<Arc<dyn Host>>,
}

impl Entrance {
    /// `store` is the store of the log, whose database has the queue's tables too.
    pub fn new(store: Store, receiving: Receiving, reports: Reports) -> Self {
        Self(Arc::new(Inner {
            receipts: Receipts::start(store.pool().clone(), reports),
            parts: Parts::new(store),
            settled: Settled::default(),
            host: OnceLock::new(),
            receiving,
        }))
    }

    /// Lets the worker of this process take the sessions that are opened here.
    pub(crate) fn host(&self, host: Arc<dyn Host>) {
        // The first worker counts; a process has one.
        let _ = self.0.host.set(host);
    }

    /// Records a message that is whole.
    pub async fn message(&self, inbound: InboundMessage) -> InboundAnswer {
        let service = inbound.service;
        answered(service, self.record(inbound).await)
    }

    /// The answer that a message to this address that the provider brings would have, as far as it
    /// is known beforehand.
    pub async fn preview(
        &self,
        service: Service,
        provider: Option<Id<Provider>>,
        to: &str,
    ) -> InboundAnswer {
        let refusal = self.0.receiving.refusal(service, provider, to).await;
        let refusal = refusal.map_err(NotTaken::from);
        answered(
            service,
            refusal.map(|it| it.map_or(InboundAnswer::Ack(None), InboundAnswer::from)),
        )
    }

    /// True if a message with one of these keys is on record. False also if the lookup fails;
    /// recording it checks again.
    pub async fn knows(&self, keys: impl Iterator<Item = &String>) -> bool {
        self.0.receiving.knows(keys).await.unwrap_or(false)
    }

    /// Records, until it is stopped, incomplete messages whose missing parts are overdue.
    pub async fn sweep(self, stopping: CancellationToken) {
        while !stopping.is_cancelled() {
            if let Err(error) = self.sweep_once().await {
                tracing::warn!(%error, "incomplete messages wait");
            }
            tokio::select! {
                () = tokio::time::sleep(SWEEP) => {}
                () = stopping.cancelled() => {}
            }
        }
    }

    async fn record(&self, inbound: InboundMessage) -> Result<InboundAnswer, NotTaken> {
        let service = inbound.service.name();
        let result = self.0.receiving.take(inbound).await?;
        if matches!(result, IngestResult::Taken(_)) {
            metrics::counter!("ledgerline_received_total", "service" => service).increment(1);
        }
        Ok(result.into())
    }
}

#[async_trait]
impl Sessions for Entrance {
    /// Opens a session: in progress with the worker of this process if it has one with capacity,
    /// and else as waiting for a worker.
    async fn open(&self, session: InboundSession) -> Result<OpenResult, CommandError> {
        let receiving = &self.0.receiving;
        let waits = match self.0.host.get() {
            Some(host) => match host.open(receiving, session).await {
                Ok(opened) => return opened,
                Err(session) => session,
            },
            None => session,
        };
        receiving.open(&waits, None).await
    }

    async fn owner_at(&self, service: Service, to: &str) -> Result<Option<Owner>, CommandError> {
        self.0.receiving.owner_at(service, to).await
    }
}

/// The answer about an item that may not be on record.
fn answered(service: Service, recorded: Result<InboundAnswer, NotTaken>) -> InboundAnswer {
    recorded.unwrap_or_else(|error| {
        let service = service.name();
        tracing::warn!(service, %error, "what comes in cannot be recorded now");
        InboundAnswer::Retry(TRY_LATER)
    })
}

#[async_trait]
impl Inbox for Entrance {
    async fn report(
        &self,
        provider: Id<Provider>,
        message_id: String,
        said: ReportedOutcome,
    ) -> InboundAnswer {
        self.0.receipts.tell(provider, message_id, said).await
    }

    async fn sms(&self, sms: &InboundSms) -> InboundAnswer {
        answered(Service::Sms, self.short(sms).await)
    }

    fn settled(&self, sms: &InboundSms) {
        self.0.settled.note(sms);
    }
}
