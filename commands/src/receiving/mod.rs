//! Inbound messages of all protocols: the account that each came to, the program that takes
//! it in, the contact that it came from, and one append of all that.
//!
//! Messages that arrive at the same time are looked up and appended in batches (`intake`). A call or
//! fax is a session: it begins with an append of its own (`opening`), and ends as attempts do.

mod intake;
mod lookup;
mod opening;
mod record;
mod senders;

use std::sync::Arc;

use batching::{Batcher, Bounds};
use chrono::{DateTime, Utc};
use domain::{
    Id,
    delivery::{Message, Provider, SpoolResult, Transmission},
    flow::Service,
    people::StopWords,
};
use eventstore::StoreError;
use sqlx::PgPool;
use thiserror::Error;

use self::intake::Intake;
use crate::{CommandError, Commands, sending::Deadlines, suppression::Suppression};

pub use self::opening::{InboundSession, OpenResult, Sessions, TakenBy, WAITS};

/// Limits on the messages of one batch, and on those that wait.
const BOUNDS: Bounds = Bounds {
    batch: 100,
    waiting: 100,
};

/// The most attempts at one message when other writers are faster.
const ATTEMPTS: usize = 5;

/// Takes in inbound messages. Clones share it.
#[derive(Clone, Debug)]
pub struct Receiving {
    ingest: Arc<Ingest>,
    batcher: Batcher<InboundMessage, Result<IngestResult, NotTaken>>,
}

/// The log and the read models that inbound messages are taken in with.
#[derive(Debug)]
struct Ingest {
    commands: Commands,
    pool: PgPool,
    suppression: Suppression,
    words: StopWords,
    deadlines: Deadlines,
}

/// An inbound message, as an adapter hands it over.
#[derive(Clone, Debug)]
pub struct InboundMessage {
    /// Its service.
    pub service: Service,
    /// The provider that brings it, where it is one.
    pub provider: Option<Id<Provider>>,
    /// The time of arrival.
    pub at: DateTime<Utc>,
    /// The key for deduplication.
    pub key: String,
    /// The key that it may have had in an earlier delivery.
    pub earlier_key: Option<String>,
    /// Text, sender and destination.
    pub message: Message,
    /// Further facts, such as headers.
    pub results: Vec<SpoolResult>,
}

/// The result of taking in an inbound message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IngestResult {
    /// It is on record as this transmission.
    Taken(Id<Transmission>),
    /// It was on record before.
    Known,
    /// It is not taken in, for this reason.
    Refused(NotReceived),
}

/// The reason for which an inbound message is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReceived {
    /// No active account has the address.
    NoAccount,
    /// The account has no program for it.
    NoProgram,
    /// The account's program would send it on as a fax.
    NoFaxes,
    /// The account's program would send it on as a mail.
    NoForwarding,
}

impl NotReceived {
    /// The reason in words, for the sending side.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAccount => "no account receives there",
            Self::NoProgram => {
                "nothing is received there: the account is subscribed to no program for it"
            }
            Self::NoFaxes => {
                "faxes cannot be sent yet, so the account's program emailtofax takes no mail"
            }
            Self::NoForwarding => {
                "faxes cannot be forwarded yet, so the account's program faxtoemail takes none"
            }
        }
    }
}

/// The error for which a message was not taken in, shared by all messages of its batch.
#[derive(Clone, Debug, Error)]
#[error(transparent)]
pub struct NotTaken(Arc<CommandError>);

impl From<CommandError> for NotTaken {
    fn from(error: CommandError) -> Self {
        Self(Arc::new(error))
    }
}

impl From<StoreError> for NotTaken {
    fn from(error: StoreError) -> Self {
        CommandError::from(error).into()
    }
}

impl Receiving {
    /// Starts to take in messages, until the last clone is dropped. `pool` is for the read models,
    /// `words` are the words by which senders stop short messages.
    pub fn start(commands: Commands, pool: PgPool, words: StopWords, deadlines: Deadlines) -> Self {
        let ingest = Arc::new(Ingest {
            suppression: Suppression::new(commands.store().clone()),
            commands,
            pool,
            words,
            deadlines,
        });
        let batcher = Batcher::start(BOUNDS, Intake(Arc::clone(&ingest)));
        Self { ingest, batcher }
    }

    /// The reason for which a message to this address that the provider brings would be refused, as
    /// far as it is known beforehand; none if it would be taken in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refusal(
        &self,
        service: Service,
        provider: Option<Id<Provider>>,
        to: &str,
    ) -> Result<Option<NotReceived>, CommandError> {
        let recipients = self.ingest.recipients(service, &[to]).await?;
        let origins = self.ingest.origins(provider.into_iter()).await?;
        let mut recipients = recipients.values();
        let recipient = recipients.find(|it| origins.may_reach(provider, it));
        let recipient = recipient.ok_or(NotReceived::NoAccount);
        Ok(recipient.and_then(lookup::takes_in).err())
    }

    /// True if a message with one of these keys is on record.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn knows(&self, keys: impl Iterator<Item = &String>) -> Result<bool, StoreError> {
        let store = self.ingest.commands.store();
        let keys: Vec<_> = keys.map(|key| store.fingerprint(key)).collect();
        Ok(!self.ingest.holders(&keys).await?.is_empty())
    }

    /// Records a message and its consequences atomically.
    ///
    /// # Errors
    /// When the database does not answer; then nothing is recorded.
    pub async fn take(&self, inbound: InboundMessage) -> Result<IngestResult, NotTaken> {
        let taken = self.batcher.ask(inbound).await;
        taken.unwrap_or_else(|| Err(StoreError::Closed.into()))
    }
}

/// Turns a refusal, which the look-ups should have excluded, into a lost race.
fn settled<E>(decided: Result<(), E>) -> Result<(), CommandError> {
    decided.map_err(|_| CommandError::Contended)
}

/// True if another writer was faster.
fn is_race(error: &CommandError) -> bool {
    matches!(
        error,
        CommandError::Contended | CommandError::Store(StoreError::Taken { .. })
    )
}
