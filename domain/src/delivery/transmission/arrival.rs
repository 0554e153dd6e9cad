//! What comes in from outside: a transmission whose only attempt was somebody else's, and
//! which is completed as soon as it is on record.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    Order, Spool, Transmission, TransmissionEvent,
    TransmissionEvent::{
        ResultRecorded, SpoolCompleted, SpoolReceived, TransmissionCompleted, TransmissionCreated,
    },
};
use crate::{
    Claim, Id, Personal,
    access::User,
    delivery::{Provider, SpoolResult},
    flow::Flow,
    outreach::MediaHash,
    people::Account,
};

/// Something that came in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The id that its transmission gets.
    pub id: Id<Transmission>,
    /// Whose account it came to.
    pub owner: Id<User>,
    /// From whom, to which account, for which program.
    pub order: Order,
    /// The id of its only attempt.
    pub spool: Id<Spool>,
    /// When it was received.
    pub at: DateTime<Utc>,
    /// Who brought it, where that is a provider.
    pub provider: Option<Id<Provider>>,
    /// The account it came to.
    pub account_id: Id<Account>,
    /// What the program does with it.
    pub flow: Flow,
    /// The program's sequence when it came.
    pub program_version: u64,
    /// What it is recognised by when it is brought again: a fingerprint.
    pub key: String,
    /// What it says.
    pub message: Message,
    /// What was learned.
    pub results: Vec<SpoolResult>,
}

/// A message that was received; all of it personal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    /// The number or the address that it came from; none of a bounce.
    pub source: Option<String>,
    /// The number or the address that it came to.
    pub destination: String,
    /// The name of whom it came from, where that is said.
    pub sender: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// Its text; bytes in hex if it is binary.
    pub text: Option<String>,
    /// The same as HTML, as it came.
    pub html: Option<String>,
    /// The files that came with it.
    pub attachments: Vec<Attachment>,
    /// The whole of it, as it came.
    pub original: Option<MediaHash>,
    /// What the files and the original are sealed with, in hex: who is erased takes it
    /// along.
    pub media_key: Option<String>,
}

/// A file that came with a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What it is called.
    pub name: String,
    /// What it is, by its first bytes.
    pub media_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// Where its bytes are.
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
                message: Personal::of(subject.clone(), arrival.message),
            },
            ResultRecorded {
                spool,
                results: Personal::of(subject.clone(), arrival.results),
            },
            SpoolCompleted {
                spool,
                at,
                response: Personal::of(subject, "received".to_owned()),
            },
            TransmissionCompleted { at },
        ]
    }

    /// What an arrival with this fingerprint claims: whoever holds it is that arrival.
    pub fn received_claim(key: String) -> Claim {
        Claim {
            field: "message",
            scope: "received",
            value: key,
        }
    }
}
