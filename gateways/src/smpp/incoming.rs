//! What a message centre delivers: receipts and messages, answered once they are on record.

use std::sync::Arc;

use domain::{Id, delivery::Provider};
use rusmpp::{
    CommandStatus,
    pdus::{DeliverSm, DeliverSmResp},
};
use tokio::sync::Semaphore;

use super::{
    receipt::{self, Receipt},
    session::Session,
};
use crate::inbox::{Inbox, Taken};

/// How many may be under way on all binds of a provider; the next ones wait unread.
const AT_ONCE: usize = 500;
/// What kind of deliver_sm it is (SMPP 3.4, 5.2.12).
const KIND: u8 = 0x3c;
const MESSAGE: u8 = 0x00;
const RECEIPT: u8 = 0x04;

/// Takes in what is delivered to a provider.
#[derive(Clone)]
pub(super) struct Incoming {
    provider: Id<Provider>,
    inbox: Option<Arc<dyn Inbox>>,
    room: Arc<Semaphore>,
}

impl Incoming {
    /// Without an inbox everything is answered "later".
    pub fn new(provider: Id<Provider>, inbox: Option<Arc<dyn Inbox>>) -> Self {
        Self {
            provider,
            inbox,
            room: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Takes one in, and answers it when that is done.
    pub async fn take(&self, session: Session, sequence: u32, deliver: DeliverSm) {
        let Ok(place) = Arc::clone(&self.room).acquire_owned().await else {
            return;
        };
        let this = self.clone();
        tokio::spawn(async move {
            let status = this.answer(&deliver).await;
            let answer = DeliverSmResp::default();
            session.answer(sequence, status, answer).await;
            drop(place);
        });
    }

    async fn answer(&self, deliver: &DeliverSm) -> CommandStatus {
        let Some(inbox) = &self.inbox else {
            return CommandStatus::EsmeRxTAppn;
        };
        let taken = match u8::from(deliver.esm_class) & KIND {
            RECEIPT => match receipt::read(deliver) {
                Some(Receipt {
                    message_id,
                    said: Some(said),
                }) => inbox.report(self.provider, message_id, said).await,
                // On its way still.
                Some(Receipt { said: None, .. }) => Taken::Yes,
                None => {
                    metrics::counter!("ledgerline_reports_unreadable_total").increment(1);
                    return CommandStatus::EsmeRxPAppn;
                }
            },
            MESSAGE => Taken::Later,
            // Acknowledgements of the recipient, notices on the way: nothing is lost.
            _ => Taken::Yes,
        };
        match taken {
            Taken::Yes => CommandStatus::EsmeRok,
            Taken::Later => CommandStatus::EsmeRxTAppn,
        }
    }
}
