//! People: contacts, their groups, opt-outs, and accounts.

mod account;
mod contact;
mod group;
mod optout;
mod optout_words;
mod stop_words;

pub use account::{
    Account, AccountCommand, AccountEvent, AccountKind, AccountPatch, AccountProfile, AccountUses,
    AddressAssignment, AddressBasis, AddressField, AddressGrant, CODE_LIFETIME, DidDetails,
    DidPatch, ExtensionDetails, ExtensionPatch, SenderTerms, no_code_is_awaited,
};
pub use contact::{Contact, ContactCommand, ContactEvent, ContactPatch, ContactProfile};
pub use group::{Group, GroupCommand, GroupEvent, GroupPatch};
pub use optout::{OptOut, OptOutCommand, OptOutEvent, OptOutPatch};
pub use optout_words::{Address, Channel, OptOutSource, in_ascii, normal_address, spellings};
pub use stop_words::{StopWords, Wish};
