//! Whom one reaches.

mod accounts;
mod contacts;
mod erasure;
mod groups;
