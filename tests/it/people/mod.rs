//! Whom one reaches.

mod accounts;
mod addresses;
mod contacts;
mod csv;
mod erasure;
mod groups;
mod optouts;
