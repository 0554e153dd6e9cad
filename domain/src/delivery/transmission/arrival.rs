//! Inbound messages: transmissions whose only attempt was made by the remote side, and which are
//! completed as soon as they are recorded.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Order, Spool, Transmission, TransmissionEvent,
    TransmissionEvent::{
        ResultRecorded, SpoolCompleted, SpoolReceived, TransmissionCompleted, TransmissionCreated,
    },
};
use crate::{
    Claim, Id, Owner, Personal,
    delivery::{Provider, SpoolResult},
    flow::Flow,
    outreach::MediaHash,
    people::Account,
};

/// An inbound message with its route.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The id of the new transmission.
    pub id: Id<Transmission>,
    /// The owner of the receiving account.
    pub owner: Owner,
    /// The order: sender, receiving account and program.
    pub order: Order,
    /// The id of the only attempt.
    pub spool: Id<Spool>,
    /// The time of arrival.
    pub at: DateTime<Utc>,
    /// The provider that delivered it, if there was one.
    pub provider: Option<Id<Provider>>,
    /// The receiving account.
    pub account_id: Id<Account>,
    /// The steps of the program.
    pub flow: Flow,
    /// The program's sequence number at that time.
    pub program_version: u64,
    /// The fingerprint by which a repeated delivery is recognised.
    pub key: String,
    /// The message.
    pub message: Message,
    /// The results.
    pub results: Vec<SpoolResult>,
}

/// A received message; all of it is personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    /// The sender's number or address; `None` for a bounce.
    pub source: Option<String>,
    /// The recipient's number or address.
    pub destination: String,
    /// The sender's name, if given.
    pub sender: Option<String>,
    /// The subject.
    pub subject: Option<String>,
    /// The text; in hex if it is binary.
    pub text: Option<String>,
    /// The HTML version, as received.
    pub html: Option<String>,
    /// The attached files.
    pub attachments: Vec<Attachment>,
    /// The original message in the media store, as received.
    pub original: Option<MediaHash>,
    /// The key that encrypts the attachments and the original, in hex: it is personal data, so
    /// erasing the subject makes them unreadable.
    pub media_key: Option<String>,
}

/// A file attached to a received message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The file name.
    pub name: String,
    /// The media type, detected from the first bytes.
    pub media_type: String,
    /// The size in bytes.
    pub size: u64,
    /// The content in the media store.
    pub media: MediaHash,
}

impl Transmission {
    pub(super) fn received(arrival: Arrival) -> Vec<TransmissionEvent> {
        let Arrival {
            id,
            owner,
            order,
            spool,
            at,
            ..
        } = arrival;
        let subject = order.contact_id.subject();
        vec![
            TransmissionCreated { id, owner, order },
            SpoolReceived {
                spool,
                at,
                provider: arrival.provider,
                account_id: arrival.account_id,
                flow: arrival.flow,
                program_version: arrival.program_version,
                key: arrival.key,
                message: Personal::new(subject.clone(), arrival.message),
                opened: None,
            },
            ResultRecorded {
                spool,
                results: Personal::new(subject.clone(), arrival.results),
            },
            SpoolCompleted {
                spool,
                at,
                response: Personal::new(subject, "received".to_owned()),
                amount: 0,
            },
            TransmissionCompleted { at },
        ]
    }

    /// The claim of the inbound message with this fingerprint; its holder is that message's
    /// transmission.
    pub fn received_claim(key: String) -> Claim {
        Claim {
            field: "message",
            scope: "received",
            value: key,
        }
    }
}
