//! What is done with what comes in, whoever brings it: the account that it came to, the
//! program that takes it in, the contact that it came from, and one append of all that.
//!
//! What comes at the same time is looked up and appended together (`together`).

mod lookup;
mod record;
mod senders;
mod together;

use std::sync::Arc;

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
use tokio::sync::{mpsc, oneshot};

use self::together::Asked;
use crate::{CommandError, Commands, sending::Deadlines, suppression::Suppression};

/// How much is looked up and appended together at most.
const TOGETHER: usize = 100;

/// Takes in what comes. Clones share it.
#[derive(Clone, Debug)]
pub struct Receiving {
    desk: Arc<Desk>,
    asked: mpsc::Sender<Asked>,
}

/// What it is done with.
#[derive(Debug)]
struct Desk {
    commands: Commands,
    pool: PgPool,
    suppression: Suppression,
    words: StopWords,
    deadlines: Deadlines,
}

/// Something that somebody brings.
#[derive(Clone, Debug)]
pub struct Brought {
    /// What it is.
    pub service: Service,
    /// Who brings it, where that is a provider.
    pub provider: Option<Id<Provider>>,
    /// When it came.
    pub at: DateTime<Utc>,
    /// What it is recognised by when it is brought again.
    pub key: String,
    /// What it may have been recognised by before.
    pub earlier_key: Option<String>,
    /// What it says, from whom, and to where.
    pub message: Message,
    /// What is worth knowing beside that.
    pub results: Vec<SpoolResult>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is on record as this transmission.
    Taken(Id<Transmission>),
    /// It was before.
    Known,
    /// It is not taken in, and why.
    Refused(NotReceived),
}

/// The reason why something is not taken in, whoever brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReceived {
    /// No active account has the address.
    NoAccount,
    /// The account has no program for it.
    NoProgram,
    /// The account's program would send it on as a fax.
    NoFaxes,
}

impl NotReceived {
    /// The reason in words, for whoever brings it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoAccount => "no account receives there",
            Self::NoProgram => {
                "nothing is received there: the account is subscribed to no program for it"
            }
            Self::NoFaxes => {
                "faxes cannot be sent yet, so the account's program emailtofax takes no mail"
            }
        }
    }
}

/// Why something was not taken in: one reason can be that of many.
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
    /// Starts to take in, until the last clone is gone. `pool` is for the read models,
    /// `words` are those that stop short messages.
    pub fn start(commands: Commands, pool: PgPool, words: StopWords, deadlines: Deadlines) -> Self {
        let desk = Arc::new(Desk {
            suppression: Suppression::new(commands.store().clone()),
            commands,
            pool,
            words,
            deadlines,
        });
        let (asked, asking) = mpsc::channel(TOGETHER);
        tokio::spawn(together::work(Arc::clone(&desk), asking));
        Self { desk, asked }
    }

    /// Why something for this address would be refused, as far as that can be said
    /// beforehand; nothing if it would be taken in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refusal(
        &self,
        service: Service,
        to: &str,
    ) -> Result<Option<NotReceived>, CommandError> {
        let recipients = self.desk.recipients(service, &[to]).await?;
        let recipient = recipients.values().next().ok_or(NotReceived::NoAccount);
        Ok(recipient.and_then(lookup::takes_in).err())
    }

    /// Whether one of these keys is that of something on record.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn knows(&self, keys: impl Iterator<Item = &String>) -> Result<bool, StoreError> {
        let store = self.desk.commands.store();
        let keys: Vec<_> = keys.map(|key| store.fingerprint(key)).collect();
        Ok(!self.desk.holders(&keys).await?.is_empty())
    }

    /// Puts it on record, and whatever follows from it, at once or not at all.
    ///
    /// # Errors
    /// When the database does not answer; then nothing of it happened.
    pub async fn take(&self, brought: Brought) -> Result<Receipt, NotTaken> {
        let (answer, answered) = oneshot::channel();
        let stopped = || NotTaken::from(StoreError::Closed);
        let asked = Asked { brought, answer };
        self.asked.send(asked).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}
