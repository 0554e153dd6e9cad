//! Hang-ups: ends the calls of this worker whose end the log asks for, whichever process appended
//! that, and those that another worker has given up meanwhile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use cqrs_es::Aggregate as _;
use domain::{
    Event,
    delivery::{Transmission, TransmissionEvent},
};
use eventstore::{Recorded, StoreError, subscriber::Observer};
use tokio::sync::SetOnce;

use crate::Cancelled;

/// The reason for which a call must end, once there is one.
pub(super) type Cancellation = Arc<SetOnce<Cancelled>>;

/// The calls and faxes in progress, by attempt. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls(Arc<Mutex<HashMap<i64, Cancellation>>>);

/// A call in progress, until it is dropped.
pub(super) struct Call<'a> {
    calls: &'a Calls,
    spool: i64,
}

/// Cancels calls that the log asks to end.
pub(super) struct Hangups(pub Calls);

impl Calls {
    /// Adds a call before its start is on record, and so before anybody can ask for its end.
    pub(super) fn enter(&self, spool: i64, cancellation: Cancellation) -> Call<'_> {
        self.lock().insert(spool, cancellation);
        Call { calls: self, spool }
    }

    fn cancel(&self, spool: i64, reason: Cancelled) {
        if let Some(call) = self.lock().get(&spool) {
            // The first reason counts.
            let _ = call.set(reason);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Cancellation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.spool);
    }
}

#[async_trait]
impl Observer for Hangups {
    fn name(&self) -> &'static str {
        "hang-ups"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[Transmission::TYPE]
    }

    async fn observe(&mut self, events: &[Arc<Recorded>]) -> Result<(), StoreError> {
        for recorded in events {
            let Event::Transmission(event) = &recorded.event else {
                continue;
            };
            match event.as_ref() {
                TransmissionEvent::SpoolHangupRequested { spool, .. } => {
                    self.0.cancel(spool.get(), Cancelled::HungUp);
                }
                // This worker removes a call before it records its end.
                TransmissionEvent::SpoolOutcomeUnknown { spool, .. } => {
                    self.0.cancel(spool.get(), Cancelled::TakenOver);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
