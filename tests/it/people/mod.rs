//! Contacts, groups, accounts and opt-outs.

mod accounts;
mod address_abuse;
mod addresses;
mod contacts;
mod csv;
mod erasure;
mod groups;
mod optouts;
