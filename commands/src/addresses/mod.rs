//! Rights of accounts to addresses: their assignment, and the transfer of a claim from one
//! account to another.
//!
//! The decisions are those of `domain::people::Account`; this module looks up the facts that
//! they rest on: the fingerprint of an address, and the account that holds the claim on it.

mod adoption;

pub use adoption::{Adoption, adopt};

use chrono::{DateTime, Utc};
use domain::{
    Entity, Id, Patch, Refusal,
    people::{
        Account, AccountCommand, AccountPatch, AddressAssignment, AddressField, normal_address,
    },
};
use eventstore::{Metadata, Store, StoreError};

use crate::{Actor, CommandError, Commands};

/// The policy on the addresses that accounts may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Addresses that were verified, or assigned by an account administrator.
    #[default]
    Verified,
    /// All addresses: each counts as assigned when it is written. For installations of one company.
    Trusted,
}

/// Looks up the facts for decisions about addresses. Clones share the bus.
#[derive(Clone, Debug)]
pub struct Addresses {
    commands: Commands,
}

/// The holder of a claim on an address.
enum Holder {
    None,
    Itself,
    Other(Id<Account>),
}

/// Who assigns an address to an account by writing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assigner {
    /// An account administrator.
    Administrator,
    /// Somebody who configures the PBX of a tenant, with the tenant's own numbers.
    Operator,
}

impl Addresses {
    /// A look-up on this bus.
    pub fn new(commands: Commands) -> Self {
        Self { commands }
    }

    /// The keyed fingerprint of an address, the same for all its spellings.
    pub fn fingerprint(&self, field: AddressField, address: &str) -> String {
        fingerprint(self.commands.store(), field, address)
    }

    /// The assignments that follow from a patch of an account: of the new addresses in it that
    /// `may_assign` allows; of all of these under [`AddressPolicy::Trusted`], or by an operator. An
    /// address at which another account receives is assigned by an administrator as a shared
    /// caller id, and by an operator not at all.
    ///
    /// # Errors
    /// When the log cannot be read or appended to.
    pub async fn assignments(
        &self,
        account: Id<Account>,
        patch: &AccountPatch,
        (policy, assigner): (AddressPolicy, Assigner),
        may_assign: impl Fn(&str) -> bool,
        (metadata, at): (&Metadata, DateTime<Utc>),
    ) -> Result<Vec<AddressAssignment>, CommandError> {
        let mut assignments = Vec::new();
        let present = self.commands.store().load(account).await?.aggregate;
        for field in AddressField::ALL {
            let written = match field {
                AddressField::Email => set(&patch.email),
                AddressField::Phone => set(&patch.phone),
            };
            let Some(address) = written.map(|it| normal_address(&it)) else {
                continue;
            };
            if !may_assign(&address) {
                continue;
            }
            let is_kept = present.address(field).map(normal_address).as_ref() == Some(&address);
            let is_administrator = assigner == Assigner::Administrator;
            if is_kept && is_administrator && policy == AddressPolicy::Verified {
                continue;
            }
            let fingerprint = self.fingerprint(field, &address);
            let freed = self.free(
                account,
                field,
                &fingerprint,
                is_administrator,
                (metadata, at),
            );
            let receives = match freed.await {
                Ok(()) => true,
                Err(CommandError::Refused(Refusal::Taken { .. })) if is_administrator => false,
                Err(CommandError::Refused(Refusal::Taken { .. })) => continue,
                Err(error) => return Err(error),
            };
            assignments.push(AddressAssignment {
                field,
                address,
                fingerprint,
                receives,
            });
        }
        Ok(assignments)
    }

    /// Ensures that no other account holds the claim on an address. `administers` is true for a
    /// request by an account administrator, who need not wait for the end of a quarantine. A holder
    /// without proof relinquishes the claim in an append of its own, before the claim is taken.
    ///
    /// # Errors
    /// [`Refusal::Taken`] if another account receives at the address by right, or gave it up too
    /// recently; otherwise when the log cannot be read or appended to.
    pub async fn free(
        &self,
        account: Id<Account>,
        field: AddressField,
        fingerprint: &str,
        administers: bool,
        (metadata, at): (&Metadata, DateTime<Utc>),
    ) -> Result<(), CommandError> {
        let Holder::Other(holder) = self.holder(account, field, fingerprint).await? else {
            return Ok(());
        };
        let store = self.commands.store();
        let owner = store.load(account).await?.aggregate.owning_user();
        let held_by = store.load(holder).await?.aggregate.owning_user();
        let relinquish = AccountCommand::RelinquishAddress {
            field,
            fingerprint: fingerprint.to_owned(),
            at,
            freely: administers || (owner.is_some() && owner == held_by),
        };
        let actor = Actor {
            metadata: Metadata {
                effect: None,
                ..metadata.clone()
            },
            ..Actor::default()
        };
        self.commands
            .send(holder, relinquish, &actor)
            .await
            .map(drop)
    }

    async fn holder(
        &self,
        account: Id<Account>,
        field: AddressField,
        fingerprint: &str,
    ) -> Result<Holder, StoreError> {
        let claim = field.claim(fingerprint.to_owned());
        let holder = self.commands.store().holder_of(&claim).await?;
        Ok(match holder {
            None => Holder::None,
            Some(id) if id == account => Holder::Itself,
            Some(id) => Holder::Other(id),
        })
    }
}

/// The keyed fingerprint of an address in its normal form.
fn fingerprint(store: &Store, field: AddressField, address: &str) -> String {
    let normal = normal_address(address);
    store.fingerprint(&format!("address/{}/{normal}", field.as_str()))
}

fn set(value: &Patch<impl ToString>) -> Option<String> {
    match value {
        Patch::Set(value) => Some(value.to_string()),
        Patch::Keep | Patch::Clear => None,
    }
}
