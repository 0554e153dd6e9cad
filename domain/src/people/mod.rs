//! Whom one reaches, and as whom: contacts and accounts.

mod account;
mod contact;

pub use account::{
    Account, AccountCommand, AccountEvent, AccountKind, AccountPatch, AccountProfile,
};
pub use contact::{Contact, ContactCommand, ContactEvent, ContactPatch, ContactProfile};
