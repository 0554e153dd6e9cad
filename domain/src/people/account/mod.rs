//! An account: an identity that sends and receives, such as a number, an extension or an address.
//! `Absent → Live → Deleted`.

mod address;
mod addresses;
mod aggregate;
mod changes;
mod details;
mod senders;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use address::{AddressAssignment, AddressBasis, AddressField, AddressGrant};
pub use addresses::{CODE_LIFETIME, no_code_is_awaited};
pub use aggregate::Account;
pub use details::{DidDetails, DidPatch, ExtensionDetails, ExtensionPatch};
pub use senders::SenderTerms;
pub use vocabulary::{
    AccountCommand, AccountEvent, AccountKind, AccountPatch, AccountProfile, AccountUses,
};
