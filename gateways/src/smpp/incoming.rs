//! What a message centre delivers: receipts and messages, answered once they are on record.

use std::{sync::Arc, time::Duration};

use domain::{
    Id,
    delivery::{Provider, settings::Alphabet},
};
use rusmpp::{
    CommandStatus,
    pdus::{DeliverSm, DeliverSmResp},
};
use tokio::sync::Semaphore;

use super::{
    receipt::{self, Receipt},
    session::Session,
    written,
};
use crate::inbox::{Inbox, Taken};

/// How many may be under way on all binds of a provider; the next ones wait unread.
const AT_ONCE: usize = 500;
/// A connection that is open so long after an answer has brought it.
const SETTLED: Duration = Duration::from_secs(2);
/// What kind of deliver_sm it is (SMPP 3.4, 5.2.12).
const KIND: u8 = 0x3c;
const MESSAGE: u8 = 0x00;
const RECEIPT: u8 = 0x04;

/// Takes in what is delivered to a provider.
#[derive(Clone)]
pub(super) struct Incoming {
    provider: Id<Provider>,
    alphabet: Alphabet,
    inbox: Option<Arc<dyn Inbox>>,
    room: Arc<Semaphore>,
}

impl Incoming {
    /// Without an inbox everything is answered "later".
    pub fn new(provider: Id<Provider>, alphabet: Alphabet, inbox: Option<Arc<dyn Inbox>>) -> Self {
        Self {
            provider,
            alphabet,
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
            let Some(inbox) = &this.inbox else {
                let later = CommandStatus::EsmeRxTAppn;
                return session
                    .answer(sequence, later, DeliverSmResp::default())
                    .await;
            };
            let written = (kind(&deliver) == MESSAGE)
                .then(|| written::read(this.provider, &deliver, this.alphabet));
            let status = match &written {
                Some(short) => status(inbox.short(short).await),
                None => this.told(inbox.as_ref(), &deliver).await,
            };
            let answer = DeliverSmResp::default();
            session.answer(sequence, status, answer).await;
            drop(place);
            if let Some(short) = written.filter(|_| status == CommandStatus::EsmeRok) {
                tokio::time::sleep(SETTLED).await;
                if session.is_open() {
                    inbox.settled(&short);
                }
            }
        });
    }

    async fn told(&self, inbox: &dyn Inbox, deliver: &DeliverSm) -> CommandStatus {
        let taken = match kind(deliver) {
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
            // Acknowledgements of the recipient, notices on the way: nothing is lost.
            _ => Taken::Yes,
        };
        status(taken)
    }
}

fn kind(deliver: &DeliverSm) -> u8 {
    u8::from(deliver.esm_class) & KIND
}

fn status(taken: Taken) -> CommandStatus {
    match taken {
        Taken::Yes => CommandStatus::EsmeRok,
        Taken::Later => CommandStatus::EsmeRxTAppn,
        Taken::Never(reason) => {
            tracing::info!(reason, "a short message is refused");
            CommandStatus::EsmeRxPAppn
        }
    }
}
