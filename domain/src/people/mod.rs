//! Whom one reaches, and as whom: contacts, their groups, and accounts.

mod account;
mod contact;
mod group;

pub use account::{
    Account, AccountCommand, AccountEvent, AccountKind, AccountPatch, AccountProfile,
};
pub use contact::{Contact, ContactCommand, ContactEvent, ContactPatch, ContactProfile};
pub use group::{Group, GroupCommand, GroupEvent, GroupPatch};
