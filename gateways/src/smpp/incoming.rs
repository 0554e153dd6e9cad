//! Handles deliver_sm: delivery receipts and messages, acknowledged once they are on record.

use std::{sync::Arc, time::Duration};

use domain::{
    Id,
    delivery::{
        Provider,
        settings::{Alphabet, MessageIds},
    },
};
use rusmpp::{CommandStatus, pdus::DeliverSmResp};
use tokio::sync::Semaphore;

use super::{
    SmppConfig, mobile_originated,
    pdu::{Deliver, Frame},
    receipt::{self, Receipt},
    session::Session,
};
use crate::{InboundAnswer, inbox::Inbox};

/// The most mobile-originated messages that are processed at once on all binds of a provider;
/// further ones wait unread.
const MESSAGES: usize = 500;
/// That limit for delivery receipts: more, since a receipt may have to wait for its attempt.
const RECEIPTS: usize = 5_000;
/// The time after which an acknowledgement counts as received if the connection is still open.
const SETTLED: Duration = Duration::from_secs(2);
/// The bits of the message type in esm_class (SMPP 3.4, 5.2.12).
const KIND: u8 = 0x3c;
const MESSAGE: u8 = 0x00;
const RECEIPT: u8 = 0x04;

/// Handles the deliver_sm of a provider.
#[derive(Clone)]
pub(super) struct Incoming {
    provider: Id<Provider>,
    alphabet: Alphabet,
    message_ids: MessageIds,
    inbox: Option<Arc<dyn Inbox>>,
    messages: Arc<Semaphore>,
    receipts: Arc<Semaphore>,
}

impl Incoming {
    /// Creates a handler; without an inbox it answers every deliver_sm with a temporary error.
    pub fn new(config: &SmppConfig, inbox: Option<Arc<dyn Inbox>>) -> Self {
        Self {
            provider: config.provider,
            alphabet: config.settings.alphabet,
            message_ids: config.settings.message_ids,
            inbox,
            messages: Arc::new(Semaphore::new(MESSAGES)),
            receipts: Arc::new(Semaphore::new(RECEIPTS)),
        }
    }

    /// Handles a deliver_sm in a task, and answers it when it is on record.
    pub async fn take(&self, session: Session, frame: Frame) {
        let Frame { sequence, body, .. } = frame;
        let Some(deliver) = Deliver::read(&body) else {
            tracing::info!(provider.id = %self.provider, "a deliver_sm cannot be read");
            return answer(&session, sequence, CommandStatus::EsmeRxPAppn).await;
        };
        let room = match kind(&deliver) {
            MESSAGE => &self.messages,
            _ => &self.receipts,
        };
        let Ok(place) = Arc::clone(room).acquire_owned().await else {
            return;
        };
        let this = self.clone();
        tokio::spawn(async move {
            let Some(inbox) = &this.inbox else {
                return answer(&session, sequence, CommandStatus::EsmeRxTAppn).await;
            };
            let written = (kind(&deliver) == MESSAGE)
                .then(|| mobile_originated::read(this.provider, &deliver, this.alphabet));
            let status = match &written {
                Some(sms) => status(inbox.sms(sms).await),
                None => this.told(inbox.as_ref(), &deliver).await,
            };
            answer(&session, sequence, status).await;
            drop(place);
            if let Some(sms) = written.filter(|_| status == CommandStatus::EsmeRok) {
                tokio::time::sleep(SETTLED).await;
                if session.is_open() {
                    inbox.settled(&sms);
                }
            }
        });
    }

    async fn told(&self, inbox: &dyn Inbox, deliver: &Deliver) -> CommandStatus {
        let taken = match kind(deliver) {
            RECEIPT => match receipt::read(deliver, self.message_ids) {
                Some(Receipt {
                    message_id,
                    said: Some(said),
                }) => inbox.report(self.provider, message_id, said).await,
                // The message is still on its way.
                Some(Receipt { said: None, .. }) => InboundAnswer::Ack(None),
                None => {
                    metrics::counter!("ledgerline_reports_unreadable_total").increment(1);
                    return CommandStatus::EsmeRxPAppn;
                }
            },
            // Acknowledgements by the recipient and intermediate notifications are not used.
            _ => InboundAnswer::Ack(None),
        };
        status(taken)
    }
}

async fn answer(session: &Session, sequence: u32, status: CommandStatus) {
    let answer = DeliverSmResp::default();
    session.answer(sequence, status, answer).await;
}

fn kind(deliver: &Deliver) -> u8 {
    deliver.esm_class & KIND
}

fn status(taken: InboundAnswer) -> CommandStatus {
    match taken {
        InboundAnswer::Ack(_) => CommandStatus::EsmeRok,
        InboundAnswer::Retry(_) => CommandStatus::EsmeRxTAppn,
        InboundAnswer::Reject(reason) => {
            tracing::info!(reason = reason.as_str(), "a short message is refused");
            CommandStatus::EsmeRxPAppn
        }
    }
}
