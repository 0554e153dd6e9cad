//! People: contacts and their groups, opt-outs, and the accounts that send.

pub mod accounts;
pub mod contacts;
pub mod groups;
pub mod optouts;

use self::{
    accounts::{AccountRow, Accounts},
    contacts::{ContactRow, Contacts},
    groups::{GroupRow, Groups},
    optouts::{OptOutRow, OptOuts},
};
use crate::registered::registered;

registered! {
    projections: Accounts, Contacts, Groups, OptOuts;
    views: AccountRow, ContactRow, GroupRow, OptOutRow;
}
