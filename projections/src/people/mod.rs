//! People: contacts and their groups, opt-outs, and the accounts that send.

pub mod accounts;
pub mod contacts;
pub mod groups;
pub mod optouts;
