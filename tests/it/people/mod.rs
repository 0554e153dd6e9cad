//! Whom one reaches.

mod accounts;
mod contacts;
mod csv;
mod erasure;
mod groups;
mod optouts;
