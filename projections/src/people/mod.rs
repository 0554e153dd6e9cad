//! People: contacts and their groups, opt-outs, and the accounts that send, extensions and DIDs
//! among them.

pub mod accounts;
pub mod contacts;
pub mod dids;
pub mod extensions;
pub mod groups;
pub mod optouts;

use self::{
    accounts::{AccountRow, Accounts},
    contacts::{ContactRow, Contacts},
    dids::DidRow,
    extensions::ExtensionRow,
    groups::{GroupRow, Groups},
    optouts::{OptOutRow, OptOuts},
};
use crate::registered::registered;

registered! {
    projections: Accounts, Contacts, Groups, OptOuts;
    views: AccountRow, ContactRow, DidRow, ExtensionRow, GroupRow, OptOutRow;
}
