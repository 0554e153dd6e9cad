//! Proof that an account's holder reads the messages to an address: a code is sent there, and the
//! holder repeats it.
//!
//! The code is stored nowhere. It is derived from a random challenge, which is in the log, and a
//! key that is derived from the master key, which is not.

mod sent_codes;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Entity as _, FIRST_TENANT, Id, Owner, Refusal,
    access::User,
    flow::Service,
    people::{
        Account, AccountCommand, AddressBasis, AddressField, CODE_LIFETIME, Channel,
        no_code_is_awaited, normal_address,
    },
};
use eventstore::{Committed, StoreError};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tracing::Instrument;

use crate::{Actor, CommandError, Commands, addresses::Addresses, suppression::Suppression};

/// Codes are numbers of six digits.
const CODES: u64 = 1_000_000;
const DIGITS: usize = 6;

/// Sends codes, through a provider that shows their content to no one else.
#[async_trait]
pub trait SendCode: Send + Sync {
    /// True if a provider can carry a code by this service.
    fn carries(&self, service: Service) -> bool;

    /// Sends a code.
    async fn send(&self, code: OutgoingCode) -> Result<(), NotSent>;
}

/// The reason for which a code was not sent: never a provider's words, which may quote the code
/// to the user who requested it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// No provider was reached, or none was free.
    #[error("no code was sent: no provider is available at the moment")]
    Unavailable,
    /// A provider refused the code, or its outcome is unknown.
    #[error("no code was sent: the provider did not take it for this address")]
    Refused,
}

/// A code to be sent.
pub struct OutgoingCode {
    /// `sms` or `email`.
    pub service: Service,
    /// The address to be verified.
    pub destination: String,
    /// The text, with the code in it.
    pub text: String,
}

/// The reason for which no code was sent, or none was accepted.
#[derive(Debug, thiserror::Error)]
pub enum VerificationError {
    /// A rule refused the command, or the log failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Too many codes were sent within a day.
    #[error("{limit}")]
    TooMany {
        /// The limit, in words.
        limit: &'static str,
        /// The time until another code may be sent.
        retry_after: TimeDelta,
    },
    /// No provider accepted the code.
    #[error(transparent)]
    NotSent(#[from] NotSent),
}

impl From<Refusal> for VerificationError {
    fn from(refusal: Refusal) -> Self {
        Self::Command(refusal.into())
    }
}

impl From<sqlx::Error> for VerificationError {
    fn from(error: sqlx::Error) -> Self {
        Self::Command(StoreError::Database(error).into())
    }
}

/// Sends codes and compares them. Clones share it.
#[derive(Clone)]
pub struct Verification {
    commands: Commands,
    addresses: Addresses,
    suppression: Suppression,
    key: SecretSlice<u8>,
    sender: Arc<dyn SendCode>,
}

impl Verification {
    /// `key` is the one that codes are derived from, the same in every process of an installation.
    pub fn new(commands: Commands, key: SecretSlice<u8>, sender: Arc<dyn SendCode>) -> Self {
        Self {
            addresses: Addresses::new(commands.clone()),
            suppression: Suppression::new(commands.store().clone()),
            commands,
            key,
            sender,
        }
    }

    /// Sends a code to the address in this field.
    ///
    /// # Errors
    /// When there is no address, it is verified already, it is on the user's do-not-contact list,
    /// no provider can carry a code, too many were sent, or the provider did not accept the code.
    pub async fn send(
        &self,
        id: Id<Account>,
        field: AddressField,
        (user, actor, at): (Id<User>, &Actor, DateTime<Utc>),
    ) -> Result<Committed, VerificationError> {
        let account = self.commands.load(id, &actor.scope).await?.aggregate;
        let address = account.address(field);
        let address = address.ok_or_else(|| Refusal::invalid("field", "the account has none"))?;
        let proven = |basis| matches!(basis, AddressBasis::Verified);
        if account.grant(field).is_some_and(|it| proven(it.basis)) {
            return Err(Refusal::invalid("field", "is verified already").into());
        }
        let service = carrier(field);
        if !self.sender.carries(service) {
            let reason = format!(
                "no provider can carry a code by {}: an account administrator can assign the address",
                service.name()
            );
            return Err(Refusal::not_ready(reason).into());
        }
        let tenant = account.owner().map_or(FIRST_TENANT, |it| it.tenant);
        self.must_not_be_suppressed(Owner::new(tenant, user), field, address)
            .await?;
        let fingerprint = self.addresses.fingerprint(field, address);
        let challenge = challenge()?;
        let outgoing = OutgoingCode {
            service,
            destination: address.to_owned(),
            text: message(&self.code(id, field, &challenge)),
        };
        let start = AccountCommand::StartVerification {
            field,
            address: normal_address(address),
            fingerprint: fingerprint.clone(),
            challenge,
            at,
        };
        let (sending, actor) = (self.clone(), actor.clone());
        let sent = async move {
            let counted = sending.send_counted(outgoing, &fingerprint, user, at);
            counted.await?;
            // After the send, so that a code which was not sent does not end an earlier one.
            Ok(sending.commands.send(id, start, &actor).await?)
        };
        // In a task of its own: a client that disconnects must not leave a code that was sent but
        // is not awaited.
        tokio::spawn(sent.in_current_span())
            .await
            .unwrap_or_else(|error| {
                tracing::error!(%error, "a code was lost");
                Err(NotSent::Unavailable.into())
            })
    }

    /// Sends a code within the limits. The code counts unless no provider was reached.
    async fn send_counted(
        &self,
        code: OutgoingCode,
        fingerprint: &str,
        user: Id<User>,
        at: DateTime<Utc>,
    ) -> Result<(), VerificationError> {
        let pool = self.commands.store().pool();
        sent_codes::count(pool, fingerprint, user, at).await?;
        let sent = self.sender.send(code).await;
        if sent == Err(NotSent::Unavailable) {
            sent_codes::forget(pool, fingerprint, user, at).await?;
        }
        Ok(sent?)
    }

    /// Compares a code with the one sent; if they match, the account receives at the address.
    ///
    /// # Errors
    /// When the code is wrong, none is awaited, or another account receives at the address.
    pub async fn confirm(
        &self,
        id: Id<Account>,
        (field, code): (AddressField, &str),
        (actor, at): (&Actor, DateTime<Utc>),
    ) -> Result<Committed, VerificationError> {
        let account = self.commands.load(id, &actor.scope).await?.aggregate;
        let challenge = account.challenge(field, at);
        let challenge = challenge.ok_or_else(no_code_is_awaited)?.to_owned();
        let expected = self.code(id, field, &challenge);
        let matches: bool = expected.as_bytes().ct_eq(code.trim().as_bytes()).into();
        if let Some(address) = account.address(field).filter(|_| matches) {
            let fingerprint = self.addresses.fingerprint(field, address);
            let free = self
                .addresses
                .free(id, field, &fingerprint, false, (&actor.metadata, at));
            free.await?;
        }
        let confirm = AccountCommand::ConfirmVerification {
            field,
            challenge,
            matches,
            at,
        };
        let committed = self.commands.send(id, confirm, actor).await?;
        if matches {
            Ok(committed)
        } else {
            Err(Refusal::invalid("code", "is not the one that was sent").into())
        }
    }

    async fn must_not_be_suppressed(
        &self,
        owner: Owner,
        field: AddressField,
        address: &str,
    ) -> Result<(), VerificationError> {
        let channel = match field {
            AddressField::Email => Channel::Email,
            AddressField::Phone => Channel::Sms,
        };
        let channels = [channel, Channel::Any];
        let fingerprints = channels.map(|it| self.suppression.fingerprint(owner, it, address));
        let listed = self.suppression.with(&fingerprints).await;
        if listed.map_err(CommandError::from)?.is_empty() {
            return Ok(());
        }
        let reason = "the address is on your list of those that are not contacted";
        Err(Refusal::not_ready(reason).into())
    }

    fn code(&self, id: Id<Account>, field: AddressField, challenge: &str) -> String {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.key.expose_secret())
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(format!("{id}/{}/{challenge}", field.as_str()).as_bytes());
        let whole = mac.finalize().into_bytes();
        let mut number = [0; 8];
        number.copy_from_slice(&whole[..8]);
        let number = u64::from_be_bytes(number) % CODES;
        format!("{number:0DIGITS$}")
    }
}

/// The service that a code for an address goes by.
fn carrier(field: AddressField) -> Service {
    match field {
        AddressField::Email => Service::Email,
        AddressField::Phone => Service::Sms,
    }
}

fn message(code: &str) -> String {
    let minutes = CODE_LIFETIME.num_minutes();
    format!(
        "{code} is the code that confirms this address. It is valid for {minutes} minutes. If you did not ask for it, ignore this message."
    )
}

/// The random challenge of one code, in hex.
fn challenge() -> Result<String, VerificationError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| NotSent::Unavailable)?;
    Ok(hex::encode(bytes))
}
