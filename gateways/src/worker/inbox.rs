//! What adapters take in on a worker.

use async_trait::async_trait;
use domain::{Id, delivery::Provider};

use super::Shared;
use crate::{
    inbox::{Inbox, Taken},
    receipts::Receipts,
    reports::{Reports, Said},
};

/// Puts on record what comes in.
#[derive(Debug)]
pub(super) struct Incoming {
    receipts: Receipts,
}

impl Incoming {
    pub fn new(shared: &Shared) -> Self {
        let reports = Reports::new(shared.commands.clone(), shared.config.retry_base_seconds);
        Self {
            receipts: Receipts::start(shared.pool.clone(), reports),
        }
    }
}

#[async_trait]
impl Inbox for Incoming {
    async fn report(&self, provider: Id<Provider>, message_id: String, said: Said) -> Taken {
        self.receipts.tell(provider, message_id, said).await
    }
}
